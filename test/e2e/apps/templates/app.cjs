const { show } = require('./show.cjs');

show({
  ejs: require('ejs'),
  express: require('express'),
  handlebars: require('handlebars'),
  pug: require('pug'),
});
