/** What the action runs: its image down to the digest, its task, and what it asks for. */
import { launchLimitsText } from "../domain/launch-limits.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import { pinOf, type ResolvedImage } from "../domain/image.ts";
import type { ActionView } from "./action-view.ts";
import { formatDuration } from "./assets/duration.js";
import { html, NOTHING, type Html } from "./html.ts";
import { bytesText, code, facts, type Fact } from "./parts.ts";

export function imageSection({ image, spec }: ActionView): Html {
  const reference = image?.reference ?? spec?.definition.image;
  if (reference === undefined || reference === "") return NOTHING;
  const pin = image && pinOf(image);
  return html`<h3>Image</h3>
    ${facts([
      ["Reference", code(reference)],
      pinFact(image),
      [
        "Runs as",
        image !== undefined && ![reference, pin?.value].includes(image.pinned) && code(image.pinned),
      ],
      ["Found in", image && whereFound(image)],
    ])}`;
}

const PIN_NAMES = { digest: "Digest", "image ID": "Image ID" } as const;

/** Before it is resolved nobody knows what will pin it. */
function pinFact(image: ResolvedImage | undefined): Fact {
  if (image === undefined) return ["Pinned to", html`<span class="quiet">not resolved yet</span>`];
  const pin = pinOf(image);
  return pin === undefined ? ["Digest", undefined] : [PIN_NAMES[pin.kind], code(pin.value)];
}

function whereFound({ source, note }: ResolvedImage): string {
  return note === undefined ? source : `${source} (${note})`;
}

export function taskSection({ spec, record, run, attempts }: ActionView): Html {
  if (spec === undefined) return NOTHING;
  const { definition } = spec;
  const { policy } = record;
  const command = [...definition.command, ...definition.args];
  const duration = (ms: number | undefined) => ms !== undefined && formatDuration(ms);
  return html`<details data-key="task">
    <summary><h3>Task</h3></summary>
    ${facts([
      ["Name", code(definition.name)],
      ["Version", code(definition.version)],
      ["Environment", code(definition.environment)],
      ["Requests", amountsText(definition.requests)],
      ["Limits", amountsText(definition.limits)],
      ["Given", record.cpuCap && `${record.cpuCap.given} CPU, all that the machine has (--cap-cpu)`],
      [
        "Shared memory",
        typeof definition.sharedMemoryBytes === "number"
          ? bytesText(definition.sharedMemoryBytes)
          : definition.sharedMemoryBytes,
      ],
      ["Pod template", code(definition.podTemplate)],
      ["Retries", policy.userRetries > 0 && policy.userRetries],
      ["Longest wait", duration(policy.queuedTimeoutMs)],
      ["Longest run", duration(policy.maxRuntimeMs)],
      ["Deadline", duration(policy.deadlineMs)],
      [
        "Children",
        launchLimitsText({ ...attempts.at(-1)?.start?.defaults, ...run.settings.env, ...definition.env }),
      ],
      ["Cache version", code(definition.cache?.version)],
    ])}
    ${
      command.length > 0 &&
      html`<h4>Command</h4>
        <pre class="message" tabindex="0" role="group" aria-label="Command">${command.join("\n")}</pre>`
    }
    ${pairs("Environment variables", definition.env)}
  </details>`;
}

export function amountsText({ cpu, memoryBytes, gpu }: ResourceAmounts): string {
  return [
    cpu !== undefined && `${cpu} CPU`,
    memoryBytes !== undefined && bytesText(memoryBytes),
    gpu !== undefined && `${gpu} GPU`,
  ]
    .filter((text) => text !== false)
    .join(", ");
}

/** Names with their values; nothing where there are none. */
export function pairs(title: string, record: Readonly<Record<string, string>>): Html {
  const list = Object.entries(record);
  if (list.length === 0) return NOTHING;
  const rows = list.map(
    ([name, value]) =>
      html`<div>
        <dt>${name}</dt>
        <dd><span class="text">${value}</span></dd>
      </div>`,
  );
  return html`<h4>${title}</h4>
    <dl class="values">${rows}</dl>`;
}
