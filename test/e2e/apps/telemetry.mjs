import { init } from 'sonde';

init();
