'use strict';
/** A row by its key, through a pool that has a connection for everybody. */
const { Pool } = require('pg');
const calls = require('./calls.cjs');

const pool = new Pool({ host: '127.0.0.1', user: 'postgres', max: 8 });
const text = 'SELECT oid, typname, typlen FROM pg_type WHERE oid = $1';
calls(async (n) => {
  const { rows } = await pool.query(text, [16 + (n % 4)]);
  if (rows.length !== 1) throw new Error('no row');
});
