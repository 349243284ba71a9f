// Everything here runs on the project's own Node.js, which `npm ci` brings; scripts find it because npm puts
// node_modules/.bin first on PATH. Plain CommonJS: this has to run on any Node.js to say so.
const wanted = 24;
const [major] = process.versions.node.split('.').map(Number);
if (major !== wanted) {
  console.error(
    `This is Node.js ${process.versions.node}; the project's scripts need its own Node.js ${wanted}. ` +
      'Run `npm ci` first (it installs it; with npm 12 `npm ci` needs no flag, package.json allows its script), ' +
      'then start the script through npm: `npm test`.',
  );
  process.exit(1);
}
