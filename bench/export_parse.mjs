// The peer of export_read: npm's whatsapp-chat-parser on the same file, from disk to a list of
// messages. export_parse.mjs FOLDER FILE, FOLDER the one it was installed into; prints: BYTES
// SECONDS PEAK_KB MESSAGES.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, file] = process.argv.slice(2);
const { parseString } = createRequire(`${folder}/`)('whatsapp-chat-parser');
const before = process.hrtime.bigint();
const text = readFileSync(file);
const messages = parseString(text.toString('utf8'), { parseAttachments: true });
const seconds = Number(process.hrtime.bigint() - before) / 1e9;
console.log(text.length, seconds.toFixed(4), process.resourceUsage().maxRSS, messages.length);
