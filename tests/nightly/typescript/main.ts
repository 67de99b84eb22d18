import { readFileSync } from "node:fs";

const [name, url, path] = process.argv.slice(2);
const photo = new Blob([readFileSync(path!)]);
import(`./${name}.use.js`)
  .then(({ use }) => use(url!, photo))
  .then((answer) => console.log(JSON.stringify(answer)));
