// What two public validators find wrong with an OpenAPI document: node validate.mjs redocly|seriousme DOCUMENT
// One line a finding; the status is 1 where one of them is an error.
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";

const checkers = {
  // The engine of `redocly lint`, with its recommended rules.
  async redocly(path) {
    const { createConfig, lint } = await import("@redocly/openapi-core");
    const config = await createConfig({ extends: ["recommended-strict"] });
    const problems = await lint({ ref: path, config });
    return problems.map((p) => `${p.severity}: ${p.ruleId} at ${p.location[0]?.pointer}: ${p.message}`);
  },

  // The document against the schema that the OpenAPI Initiative publishes for its version.
  async seriousme(path) {
    const { Validator } = await import("@seriousme/openapi-schema-validator");
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(await readFile(path, "utf8")));
    if (!result.valid) return [result.errors].flat().map((e) => `error: ${JSON.stringify(e)}`);
    if (validator.version !== "3.1") return [`error: taken for version ${validator.version}`];
    return [];
  },
};

const findings = await checkers[argv[2]](argv[3]);
for (const finding of findings) console.log(finding);
console.log(`${argv[2]}: ${findings.length} findings`);
exit(findings.some((finding) => finding.startsWith("error")) ? 1 : 0);
