// @gradio/client, as it is: URL FILE; prints what /predict gives, or the error's message.
import { readFile } from "node:fs/promises";
import { Client, handle_file } from "@gradio/client";

const [url, path] = process.argv.slice(2);
const app = await Client.connect(url);
const results = {};
for (const [name, inputs] of Object.entries({
    blob: { image: handle_file(new Blob([await readFile(path)])) },
    named: { image: new Blob([await readFile(path)]), threshold: 0.99 },
})) {
    try {
        const answer = await app.predict("/predict", inputs);
        const picture = await (await fetch(answer.data[0].url)).arrayBuffer();
        results[name] = { data: answer.data, bytes: picture.byteLength };
    } catch (error) {
        results[name] = { message: error.message };
    }
}
console.log(JSON.stringify(results));
process.exit(0);
