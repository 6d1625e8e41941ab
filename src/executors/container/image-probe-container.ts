/**
 * One container of an image that is started, read and removed: with the confinement that tasks have by default, so that an
 * ENTRYPOINT that changes its user works as for a task, and without a network.
 */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import type { EngineApi } from "../../containers/api.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { readOutputFrames } from "../../containers/log-frames.ts";
import type { EngineInfo } from "../../containers/types.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { hasBegun } from "../../images/check/parse-probe.ts";
import { ProbeFrames } from "../../images/check/probe-frames.ts";
import type { Clock } from "../../lib/clock.ts";
import { within } from "../../lib/wait.ts";
import type { MountOptions } from "../attempt-options.ts";
import { confine, type ConfinementPolicy } from "./confinement.ts";
import { confinementFields, memoryLimitOf, optionFields } from "./container-options.ts";
import { createIsolated, type ContainerMakers } from "./oci-runtime.ts";
import { LABEL, type ContainerKind } from "./container-spec.ts";

export interface ProbeContext extends ContainerMakers {
  readonly info: EngineInfo;
  /** What holds the containers of all images in. */
  readonly policy: ConfinementPolicy;
  /** Whose containers these are. */
  readonly instance: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

export interface ProbeContainer {
  /** By digest or id. */
  readonly image: string;
  /** Replaces the image's own; undefined keeps it. */
  readonly entrypoint?: readonly string[];
  /** For lines that begin with this nonce. */
  readonly args: (nonce: string) => readonly string[];
}

interface CreatedContainer extends Omit<ProbeContainer, "args"> {
  readonly args: readonly string[];
  readonly mounts?: MountOptions["readOnlyMounts"];
  /** How long it may run. @default END_WITHIN_MS */
  readonly withinMs?: number;
}

export type ProbeRun =
  | {
      readonly kind: "ran";
      readonly frames: ProbeFrames["frames"];
      /** Of other output. */
      readonly lastLine: string;
      /** Of a container that ended without anything of the probe; undefined where it had to be ended. */
      readonly exitCode?: number | undefined;
    }
  | { readonly kind: "not_started"; readonly error: EngineResponseError; readonly notedExitCode: number };

/** For an ENTRYPOINT to execute its arguments. */
export const BEGIN_WITHIN_MS = 10_000;
/** For all of it. */
export const END_WITHIN_MS = 20_000;

/** An engine knows the exit code a little after the end of the output. */
const END_NOTICED_MS = 2_000;
/** Enough to import flyte and to search an image. No probe is counted as an attempt is. */
const PROBE_MEMORY_BYTES = 2 * 1024 ** 3;
/** Whoever made it would have removed it by then. */
const LEFT_OVER_AFTER_MS = 40_000;

/** Removes containers of checks whose process was killed: those whose time is over. */
export async function removeOldProbes({ api, clock }: Pick<ProbeContext, "api" | "clock">): Promise<void> {
  const left = await api.listContainers([LABEL.probeUntil]);
  const over = left.filter(
    ({ labels }) => labels[LABEL.kind] === "probe" && Number(labels[LABEL.probeUntil]) < clock.now(),
  );
  await Promise.all(over.map(({ id }) => api.removeContainer(id)));
}

/** A container that is created, but not started; removed when `use` settles. Throws IMAGE_NOT_FOUND. */
export async function withProbeContainer<T>(
  context: ProbeContext,
  { image, entrypoint, args, mounts = [], withinMs = END_WITHIN_MS }: CreatedContainer,
  use: (id: string) => Promise<T>,
): Promise<T> {
  const { api, info, policy, instance, clock } = context;
  const name = `boxkite-check-${process.pid}-${randomBytes(6).toString("hex")}`;
  // A root that a task cannot write is no fact of the image.
  const confinement = { ...confine({}, policy), readOnlyRoot: false };
  const options = optionFields({ network: "none", readOnlyMounts: mounts }, confinement);
  const memory = memoryLimitOf({ limits: { memoryBytes: PROBE_MEMORY_BYTES } }, confinement, info);
  const created = await createIsolated(context, confinement.isolation, name, {
    ...options.body,
    Image: image,
    Cmd: args,
    ...(entrypoint !== undefined && { Entrypoint: entrypoint }),
    Labels: {
      [LABEL.kind]: "probe" satisfies ContainerKind,
      [LABEL.instance]: instance,
      [LABEL.probe]: instance,
      [LABEL.probeUntil]: String(clock.now() + withinMs + LEFT_OVER_AFTER_MS),
    },
    HostConfig: {
      ...options.host,
      ...confinementFields(confinement, api.engine, info),
      ...(memory !== undefined && { Memory: memory }),
      // Its output is read from the attached stream; what floods it must not fill the disk.
      LogConfig: { Type: "none", Config: {} },
    },
  });
  if (created.kind !== "created")
    throw new BoxkiteError("IMAGE_NOT_FOUND", `${api.engine} has no image ${image}`, {
      hint: "it was removed while it was checked: check it again",
    });
  try {
    return await use(created.id);
  } finally {
    await api.removeContainer(created.id);
  }
}

export async function runProbe(context: ProbeContext, container: ProbeContainer): Promise<ProbeRun> {
  // Begins with a letter, so that no shell or parser takes it for a number.
  const nonce = `b${randomBytes(16).toString("hex")}`;
  const args = container.args(nonce);
  return await withProbeContainer(context, { ...container, args }, async (id) => {
    const { api, clock, signal } = context;
    signal?.throwIfAborted();
    const stream = await attach(api, id);
    if ("kind" in stream) return stream;
    const frames = new ProbeFrames(nonce);
    let isStopped = false;
    const stop = () => {
      isStopped = true;
      stream.destroy();
    };
    const timers = [
      clock.timer(BEGIN_WITHIN_MS, () => {
        if (!hasBegun(frames.frames)) stop();
      }),
      clock.timer(END_WITHIN_MS, stop),
    ];
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const failure = await startFailureOf(api, id);
      if (failure !== undefined) return failure;
      await readInto(frames, stream);
    } finally {
      for (const timer of timers) timer.cancel();
      signal?.removeEventListener("abort", stop);
      stream.destroy();
    }
    signal?.throwIfAborted();
    frames.end();
    const { frames: read, lastLine } = frames;
    if (isStopped || hasBegun(read)) return { kind: "ran", frames: read, lastLine };
    const exitCode = await within(api.waitContainer(id), END_NOTICED_MS, clock);
    return { kind: "ran", frames: read, lastLine, exitCode };
  });
}

type NotStarted = ProbeRun & { readonly kind: "not_started" };

/** Before the start: see attempt-container.ts. Podman finds out here already that a program or a user is missing. */
async function attach(api: EngineApi, id: string): Promise<Duplex | NotStarted> {
  try {
    return await api.attachContainer(id);
  } catch (error) {
    if (error instanceof EngineResponseError)
      return (await startFailureOf(api, id)) ?? { kind: "not_started", error, notedExitCode: 0 };
    throw error;
  }
}

async function startFailureOf(api: EngineApi, id: string): Promise<NotStarted | undefined> {
  try {
    await api.startContainer(id);
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineResponseError)) throw error;
    const state = await api.inspectContainer(id);
    return { kind: "not_started", error, notedExitCode: state?.exitCode ?? 0 };
  }
}

/** Until the container ends, the stream is cut, or nothing more would be taken. */
async function readInto(frames: ProbeFrames, stream: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const { payload } of readOutputFrames(stream)) {
      frames.push(payload);
      if (frames.isFull || frames.frames.at(-1)?.key === "end") return;
    }
  } catch {
    // A stream that breaks off leaves the lines that were read; whether they are all, the last one says.
  }
}
