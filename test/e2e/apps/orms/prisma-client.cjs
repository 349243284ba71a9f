// What Prisma's generator writes for a schema of one model: the parts of the client, put together.
const { getPrismaClient } = require('@prisma/client/runtime/client');

const runtime = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';

exports.PrismaClient = getPrismaClient({
  previewFeatures: [],
  clientVersion: '7',
  engineVersion: 'none',
  activeProvider: 'postgresql',
  inlineSchema: `datasource db {
    provider = "postgresql"
  }
  model Row {
    id Int @id
    @@map("sonde_words")
  }`,
  runtimeDataModel: {
    models: {
      Row: { dbName: 'sonde_words', schema: null, fields: [{ name: 'id', kind: 'scalar', type: 'Int' }] },
    },
    enums: {},
    types: {},
  },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: async () => require(`${runtime}.js`),
    getQueryCompilerWasmModule: async () =>
      new WebAssembly.Module(Buffer.from(require(`${runtime}.wasm-base64.js`).wasm, 'base64')),
    importName: './query_compiler_fast_bg.js',
  },
});
