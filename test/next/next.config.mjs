export default { output: 'standalone', serverExternalPackages: ['sonde'] };
