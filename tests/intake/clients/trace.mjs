// Sends spans with OpenTelemetry's own Node exporters, as JSON and as protocol buffers.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.REGARD_CLIENTS}/`);
const [address, key] = process.argv.slice(2);
const { SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { NodeTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-node");

for (const [form, name] of [["http", "json"], ["proto", "proto"]]) {
  const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${form}`);
  const exporter = new OTLPTraceExporter({
    url: `${address}/v1/traces`, headers: { "x-write-key": key }, compression: "gzip",
  });
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  const tracer = provider.getTracer("shop");
  for (let n = 0; n < 30; n++) {
    const span = tracer.startSpan("POST /checkout", { kind: SpanKind.SERVER, attributes: { "user.id": `js-${name}`, n } });
    if (n % 10 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: "no flour" });
    span.end();
  }
  await provider.forceFlush();
  await provider.shutdown();
}
console.log("done");
