// Embeds the lines of a file; called by wordnet_use_512.sh.
//     node wordnet_use_512.js ENCODER_FOLDER SENTENCES PART PROCESSES
// Process p of n takes the batches p, p + n, p + 2 n, ... and appends 512 float32 for each line to PART.p. What
// is in these files already is not done again.
const fs = require("fs");
const path = require("path");
const { fork } = require("child_process");

const DIMENSION = 512;
const BATCH = 32; // lines: a batch is written as a whole
const GUESS = 60; // lines a second and process

function batchesOf(lines, process_, processes) {
    const batches = [];
    for (let first = process_ * BATCH; first < lines.length; first += processes * BATCH)
        batches.push(lines.slice(first, first + BATCH));
    return batches;
}

function readLines(file) {
    return fs.readFileSync(file, "utf8").split("\n").slice(0, -1);
}

/// Batches that a file has as a whole; the rest of it is cut off.
function finished(file, batches) {
    const size = fs.existsSync(file) ? fs.statSync(file).size : 0;
    let bytes = 0;
    let done = 0;
    while (done < batches.length && bytes + batches[done].length * DIMENSION * 4 <= size)
        bytes += batches[done++].length * DIMENSION * 4;
    if (size > bytes) fs.truncateSync(file, bytes);
    return done;
}

async function work([encoder, sentences, part, number, processes]) {
    const modules = path.resolve(encoder, "node_modules", "@energetic-ai");
    const { initModel } = require(path.join(modules, "embeddings"));
    const { modelSource } = require(path.join(modules, "model-embeddings-en"));
    const batches = batchesOf(readLines(sentences), Number(number), Number(processes));
    const file = `${part}.${number}`;
    const model = await initModel(modelSource);
    for (let done = finished(file, batches); done < batches.length; ++done) {
        const rows = await model.embed(batches[done]);
        const values = new Float32Array(rows.length * DIMENSION);
        rows.forEach((row, i) => values.set(row, i * DIMENSION));
        fs.appendFileSync(file, Buffer.from(values.buffer));
        process.send(rows.length);
    }
}

function main([encoder, sentences, part, processesText]) {
    const processes = Number(processesText);
    const lines = readLines(sentences);
    let left = 0;
    for (let p = 0; p < processes; ++p) {
        const batches = batchesOf(lines, p, processes);
        for (const batch of batches.slice(finished(`${part}.${p}`, batches))) left += batch.length;
    }
    if (left === 0) return;
    const minutes = (seconds) => Math.max(1, Math.round(seconds / 60));
    console.log(`embeds ${left} of ${lines.length} sentences: about ${minutes(left / GUESS / processes)} minutes`);
    const start = Date.now();
    let done = 0;
    let told = start;
    const count = (rows) => {
        done += rows;
        if (Date.now() - told < 30000) return;
        told = Date.now();
        const rate = done / ((told - start) / 1000);
        console.log(`${done} of ${left}, ${minutes((left - done) / rate)} minutes left`);
    };
    for (let p = 0; p < processes; ++p) {
        const child = fork(__filename, ["--worker", encoder, sentences, part, String(p), processesText]);
        child.on("message", count);
        child.on("exit", (code) => {
            if (code !== 0) {
                console.error("the encoder failed");
                process.exit(1);
            }
        });
    }
}

if (process.argv[2] === "--worker")
    work(process.argv.slice(3)).then(
        () => process.disconnect(),
        (error) => {
            console.error(String(error));
            process.exit(1);
        });
else main(process.argv.slice(2));
