/** The report of `boxkite images check`: the answer first, then what is in the image, then what to mend. */
import type { ContainerFacts, Folder, ImageFacts, PythonFacts } from "../../domain/image-facts.ts";
import { pinOf } from "../../domain/image.ts";
import type { Finding, FindingLevel } from "../../images/check/finding.ts";
import { flyteOf, pythonOfA0 } from "../../images/check/interpreters.ts";
import type { Verdict } from "../../images/check/verdict.ts";
import type { CheckedImage, ImageReport } from "../../images/check/report.ts";
import { formatBytes } from "./describe.ts";
import type { EnvironmentImage } from "./program/environment-image.ts";

const LANGUAGES = { python: "Python", typescript: "TypeScript" } as const;
const ADAPTED = {
  interpreter: "its interpreter is started by its full path",
  entrypoint: "its ENTRYPOINT is replaced",
  runtime: "flyte is mounted",
  start_time: "an option that its flyte refuses is left out",
  code: "the code is put there by the server",
} as const;
const SIGNS: Readonly<Record<FindingLevel, string>> = { blocks: "--", limits: "but", note: "note" };
const NAME_COLUMNS = 10;
const INDENT = " ".repeat(4);

export function reportText(report: ImageReport): string {
  const { reference, checked, findings, environments = [] } = report;
  const sign = { as_is: "ok", adapted: "ok", cannot: "--", unchecked: "??" }[report.verdict.kind];
  const lines = [
    `${sign}  ${reference} ${verdictText(report)}`,
    ...(environments.length === 0
      ? []
      : [`${INDENT}${"runs".padEnd(NAME_COLUMNS)}${environments.join(", ")}`]),
    ...(checked === undefined ? [] : factLines(checked).map((line) => INDENT + line)),
    ...(findings.length === 0 ? [] : [""]),
    ...findings.flatMap((each) => findingLines(each, report.verdict)).map((line) => INDENT + line),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function verdictText({ verdict, languages, findings }: ImageReport): string {
  const tasks = languages.map((language) => LANGUAGES[language]).join(" and ");
  const whose = tasks === "" ? "" : ` (${tasks} tasks)`;
  switch (verdict.kind) {
    case "as_is": {
      const limited = findings.some(({ level }) => level === "limits");
      return `runs as it is${whose}${limited ? ", with the limits below" : ""}`;
    }
    case "adapted":
      return `runs${whose}, adapted: ${verdict.adaptations.map((each) => ADAPTED[each]).join(", ")}`;
    case "cannot":
      return `cannot run: ${verdict.because.join(", ")}`;
    case "unchecked":
      return `was not checked: ${verdict.because.join(", ")}`;
  }
}

function factLines({ image, facts, isCached }: CheckedImage): string[] {
  const { container, config } = facts;
  const pin = pinOf(image);
  const row = (name: string, ...values: readonly (string | undefined)[]) =>
    values
      .filter((value) => value !== undefined)
      .map((value, index) => `${(index === 0 ? name : "").padEnd(NAME_COLUMNS)}${value}`);
  const others = facts.platforms.filter((platform) => platform !== facts.platform);
  const ran = container.startFailure === undefined;
  return [
    ...row("image", pin && `${pin.kind} ${pin.value}${isCached ? ", checked before" : ""}`, image.note),
    ...row(
      "platform",
      [facts.platform, ...(others.length > 0 ? [`and ${others.join(", ")}`] : [])].join(" "),
    ),
    ...row("size", sizeText(facts)),
    ...row(
      "system",
      ran
        ? [container.os, container.libc, container.shell ? undefined : "no shell"]
            .filter(Boolean)
            .join(", ") || undefined
        : undefined,
    ),
    ...row("user", userText(container), container.home && `HOME ${folderText(container.home)}`),
    ...row("workdir", container.workdir && folderText(container.workdir)),
    ...row("entry", entrypointText(facts)),
    ...row("python", ...pythonTexts(container)),
    ...row("node", nodeText(container)),
    ...row("path", ran && container.path !== "" ? container.path : undefined),
    ...row("env", ...Object.entries(container.env).map(([name, value]) => `${name}=${value}`)),
    ...row("tools", ran ? toolsText(container) : undefined),
    ...row("cuda", container.cuda.length > 0 ? container.cuda.join(", ") : undefined),
    ...row("volumes", config.volumes.length > 0 ? config.volumes.join(", ") : undefined),
  ];
}

function sizeText({ sizeBytes, layers }: ImageFacts): string {
  const kinds = [...new Set(layers.map(({ compression }) => compression))].filter(
    (kind) => kind !== "unknown",
  );
  const count = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  return `${formatBytes(sizeBytes)} in ${count}${kinds.length > 0 ? ` (${kinds.join(", ")})` : ", unpacked"}`;
}

function userText({ user }: ContainerFacts): string | undefined {
  if (user === undefined) return undefined;
  return `${user.name ?? "no name"} (${user.uid}:${user.gid})`;
}

function folderText({ path, writable }: Folder): string {
  return `${path}, ${writable ? "writable" : "not writable"}`;
}

function entrypointText({ config, container }: ImageFacts): string | undefined {
  const does = {
    none: "",
    passes: ", executes its arguments",
    swallows: ", does not execute its arguments",
    unknown: "",
  }[container.entrypoint];
  return config.entrypoint.length === 0 ? undefined : `${JSON.stringify(config.entrypoint)}${does}`;
}

/** The one that runs tasks first. */
function pythonTexts(container: ContainerFacts): string[] {
  const used = pythonOfA0(container);
  const all = container.pythons.toSorted((a, b) => Number(b === used) - Number(a === used));
  return all.map((python) => pythonText(python, python === used));
}

function pythonText(python: PythonFacts, isUsed: boolean): string {
  const { path, version, libc } = python;
  if (version === undefined) return `${path}, which does not run`;
  const flyte = flyteOf(python);
  const packages = flyte === undefined ? "no flyte" : `flyte ${flyte}`;
  return `${path} ${version}${libc === undefined ? "" : ` (${libc})`}, ${packages}${isUsed ? ", runs a0" : ""}`;
}

function nodeText({ node }: ContainerFacts): string | undefined {
  if (node === undefined) return undefined;
  const boxkite = node.boxkite === undefined ? "no boxkite" : `boxkite ${node.boxkite}`;
  return `${node.path} ${node.version ?? "(does not run)"}, ${boxkite}`;
}

function toolsText({ programs, caBundle }: ContainerFacts): string {
  const tar = programs["tar"] === undefined ? "no tar" : "tar";
  return `${tar}, ${caBundle === undefined ? "no certificate authorities" : caBundle}`;
}

function findingLines({ code, level, text, mend, adaptation }: Finding, verdict: Verdict): string[] {
  const isAdapted = verdict.kind === "adapted" && verdict.adaptations.some((each) => each === adaptation);
  const mending = [
    mend.dockerfile === undefined ? [] : `Dockerfile: ${mend.dockerfile}`,
    mend.sdk === undefined ? [] : `SDK: ${mend.sdk}`,
    mend.other ?? [],
  ].flat();
  return [
    `${(isAdapted ? "ok" : SIGNS[level]).padEnd(5)}${code}: ${text}`,
    ...mending.map((line, index) => `     ${index === 0 ? "try:" : "or: "} ${line}`),
  ];
}

/** An image of a program that there is not yet. */
export function builtText({ environment, reference }: EnvironmentImage): string {
  return `..  ${environment} runs in an image that the SDK builds from ${reference}: not checked\n`;
}

export function builtJson({ environment, reference }: EnvironmentImage): unknown {
  return { environments: [environment], builtFrom: reference };
}

/** For programs: docs/image-check.md describes it. */
export function reportJson(report: ImageReport): unknown {
  const { reference, verdict, languages, findings, checked, environments } = report;
  const pin = checked && pinOf(checked.image);
  return {
    reference,
    ...(environments !== undefined && { environments }),
    verdict,
    languages,
    findings,
    ...(checked !== undefined && {
      digest: pin?.kind === "digest" ? pin.value : null,
      imageId: pin?.kind === "image ID" ? pin.value : null,
      source: checked.image.source,
      ...(checked.image.note !== undefined && { note: checked.image.note }),
      cached: checked.isCached,
      facts: checked.facts,
    }),
  };
}
