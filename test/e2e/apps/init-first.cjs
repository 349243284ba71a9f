require('sonde').init();
require('./app.cjs');
