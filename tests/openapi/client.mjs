// A client made from the document alone, at work on a running service: node client.mjs URL-OF-THE-DOCUMENT
// openapi-client-axios turns each operationId into a method. Prints what came of each step, as JSON.
import { argv } from "node:process";
import { OpenAPIClientAxios } from "openapi-client-axios";

const api = new OpenAPIClientAxios({ definition: argv[2], axiosConfigDefaults: { validateStatus: () => true } });
const client = await api.getClient();
const base = new URL(argv[2]).origin;
client.defaults.baseURL = base; // the document's server is "/", from wherever it came

const steps = {};
const keep = (name, answer) => {
  steps[name] = { status: answer.status, body: answer.data, etag: answer.headers.etag, location: answer.headers.location };
  return steps[name];
};

const name = `Made by a client ${process.pid}`;
const made = keep("created", await client.createStrategy(null, { name, kind: "sma_crossover", parameters: { fast: 10, slow: 50 } }));
const id = made.body.id;
keep("listed", await client.listStrategies({ limit: 1, kind: "sma_crossover" }));
const headers = { "Content-Type": "application/merge-patch+json" };
const patch = { parameters: { fast: 12 } };
keep("patched", await client.patchStrategy({ id, "If-Match": made.etag }, patch, { headers }));
keep("stale", await client.patchStrategy({ id, "If-Match": made.etag }, patch, { headers }));
keep("read", await client.getStrategy({ id }));
keep("versions", await client.listStrategyVersions({ id }));
console.log(JSON.stringify({ name, operations: api.getOperations().length, ...steps }));
