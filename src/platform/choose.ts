/** Chooses the platform of `boxkite up`: a container engine, or the machine itself. */
import { BoxkiteError } from "../domain/errors.ts";
import type { EnginePreference } from "../containers/find.ts";
import type { Registries } from "../images/registry/registries.ts";
import { NO_POLICY, type ConfinementPolicy } from "../executors/container/confinement.ts";
import type { NetworkSettings } from "../executors/container/join-network.ts";
import type { InheritedSettings } from "../executors/container/inherited.ts";
import type { EgressRule } from "../lib/egress.ts";
import type { Platform } from "./platform.ts";
import { findRuntime } from "../executors/process/find-runtime.ts";
import { processPlatform } from "./process.ts";
import type { WarmStarts } from "./warm-starts.ts";

export interface PlatformOptions {
  readonly engine: EnginePreference | "process";
  readonly python: string | undefined;
  readonly registries?: Registries;
  /** Hosts that are asked for the images of callers that are not trusted. @default public ones */
  readonly egress?: EgressRule;
  readonly containers?: InheritedSettings;
  /** What holds containers in beside the defaults. */
  readonly policy?: ConfinementPolicy;
  readonly networks?: NetworkSettings;
  /** Starts every image as a black box: nothing is adapted to it. */
  readonly strictImages?: boolean;
  /** Containers that are made before there is an attempt for them. @default none */
  readonly warmStarts?: WarmStarts;
}

/** Throws CONFIG_INVALID, or ENGINE_UNREACHABLE, which lists what was tried. */
export async function choosePlatform(options: PlatformOptions, env: NodeJS.ProcessEnv): Promise<Platform> {
  const { engine, python, containers, networks, policy, strictImages } = options;
  if (engine === "process") {
    refuseInherited(containers);
    refuseConfinement(policy);
    refuseNetworks(networks);
    refuseStrictImages(strictImages);
    return processPlatform([findRuntime(python, env)], env);
  }
  const { chooseContainerPlatform } = await import("./container-engine.ts");
  return chooseContainerPlatform({ ...options, engine }, env);
}

function refuseNetworks({ shared }: NetworkSettings = {}): void {
  if (shared !== true) return;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    "containers: shared-network is true, but --engine process has no containers",
    { hint: "leave it out of the settings file, or use a container engine" },
  );
}

function refuseStrictImages(isStrict = false): void {
  if (!isStrict) return;
  throw new BoxkiteError("CONFIG_INVALID", "--strict-images is for images, and --engine process has none", {
    hint: "leave strict-images out, or use a container engine",
  });
}

function refuseInherited(containers: InheritedSettings | undefined): void {
  const asked = containers && Object.entries(containers).find(([, value]) => value === true);
  if (asked === undefined) return;
  throw new BoxkiteError("CONFIG_INVALID", `containers: ${asked[0]} is true, but --engine process has none`, {
    hint: "give tasks what they need with env_vars=, or use a container engine",
  });
}

function refuseConfinement({ settings, templates }: ConfinementPolicy = NO_POLICY): void {
  if (Object.keys(settings).length === 0 && templates.size === 0) return;
  const section = templates.size > 0 ? "pod-templates" : "containers";
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `${section}: says what containers may do, and --engine process has none`,
    {
      hint: `leave ${section} out of the settings file, or use a container engine`,
    },
  );
}
