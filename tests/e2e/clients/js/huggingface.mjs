// @huggingface/inference's objectDetection, as it is: URL FILE; prints what it gives, or the error's message and status.
import { readFile } from "node:fs/promises";
import { InferenceClient } from "@huggingface/inference";

const [endpointUrl, path] = process.argv.slice(2);
const bytes = await readFile(path);
const tries = {
    blob: { inputs: new Blob([bytes], { type: "image/jpeg" }) },
    untyped: { inputs: new Blob([bytes]) },
    buffer: { data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
};
const results = {};
for (const [name, args] of Object.entries(tries)) {
    try {
        results[name] = await new InferenceClient("a-key").endpoint(endpointUrl).objectDetection(args);
    } catch (error) {
        results[name] = { message: error.message, status: error.httpResponse?.status };
    }
}
console.log(JSON.stringify(results));
