// Sends with the official Node clients; the address and the key come from the command line.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.REGARD_CLIENTS}/`);
const [address, key] = process.argv.slice(2);
const errors = [];

const { Analytics } = require("@segment/analytics-node");
const segment = new Analytics({ writeKey: key, host: address, flushAt: 20 });
segment.on("error", (error) => errors.push(String(error.reason ?? error)));
segment.identify({ userId: "node-1", anonymousId: "anon-node-1", traits: { email: "n@example.com", name: "Noor" } });
segment.group({ userId: "node-1", groupId: "acme-node", traits: { name: "Acme" } });
for (let n = 0; n < 50; n++) segment.track({ userId: "node-1", event: "Report Created", properties: { pages: n } });
segment.page({ userId: "node-1", name: "Pricing" });
segment.alias({ previousId: "old-node-1", userId: "node-1" });
await segment.closeAndFlush();

const { PostHog } = require("posthog-node");
const posthog = new PostHog(key, { host: address });
posthog.on("error", (error) => errors.push(String(error)));
for (let n = 0; n < 30; n++) posthog.capture({ distinctId: "node-2", event: "Report Created", properties: { pages: n } });
posthog.identify({ distinctId: "node-2", properties: { email: "p@example.com" } });
posthog.alias({ distinctId: "node-2", alias: "old-node-2" });
posthog.groupIdentify({ groupType: "company", groupKey: "acme-ph", properties: { name: "Acme" } });
posthog.capture({
  distinctId: "node-2",
  event: "survey sent",
  properties: { $survey_id: "s", $survey_name: "Net Promoter Score", $survey_response: 10 },
});
const flag = await posthog.isFeatureEnabled("beta", "node-2");
await posthog.shutdown();

console.log(JSON.stringify({ errors, flag: flag ?? null }));
