import ejs from 'ejs';
import express from 'express';
import handlebars from 'handlebars';
import pug from 'pug';
import { show } from './show.cjs';

await show({ ejs, express, handlebars, pug });
