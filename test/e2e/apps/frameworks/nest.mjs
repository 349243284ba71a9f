import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import app from './nest-app.cjs';

await app.run(core, common);
