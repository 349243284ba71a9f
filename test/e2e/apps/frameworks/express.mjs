import express from 'express';
import app from './express-app.cjs';

await app.run(express);
