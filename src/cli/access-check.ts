/** What `boxkite doctor` says of the settings of access: who may connect, with what, and whether TLS will work. */
import type { ContainerConnections } from "../domain/auth-mode.ts";
import { messageOf, type BoxkiteError } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { dayOf, SOON_MS } from "../server/tls/certificates.ts";
import { readKeyPair } from "../server/tls/key-pair.ts";
import { selfSignedFiles } from "../server/tls/self-signed.ts";
import { readAccess, type AccessSettings } from "./access-settings.ts";
import { accessLines } from "./access-text.ts";
import type { CheckResult } from "./check-result.ts";
import type { CommandInput } from "./command.ts";
import { dataDirectory } from "./data-directory.ts";
import { findSetting, readSettingsFile } from "./settings-file.ts";
import { tlsDirectory } from "./tls.ts";

/**
 * Of the settings file and the variables that `boxkite up` would read here, with the engine that it would use.
 * `connectionsOf`: how connections of containers arrive, by the setting `engine`.
 */
export async function checkAccess(
  input: CommandInput,
  port: number,
  connectionsOf: (engine: string) => ContainerConnections | undefined,
  clock: Clock,
): Promise<CheckResult[]> {
  try {
    const file = await readSettingsFile(input);
    const access = readAccess(input, file);
    const data = { path: dataDirectory(input, file) };
    const containerConnections = connectionsOf(findSetting("engine", input, file)?.value ?? "auto");
    const lines = accessLines({
      access,
      port,
      containerConnections,
      data,
      certificateUntilMs: undefined,
    });
    const text = lines.map(([name, line]) => `${name}: ${line}`).join("\n");
    return [{ name: "access", ok: true, text }, ...(await checkTls(access, data.path, clock))];
  } catch (error) {
    return [{ name: "access", ok: false, text: messageOf(error), hint: (error as BoxkiteError).hint }];
  }
}

async function checkTls({ tls }: AccessSettings, data: string, clock: Clock): Promise<CheckResult[]> {
  if (tls === undefined) return [];
  const files = tls.kind === "files" ? tls.files : selfSignedFiles(tlsDirectory(data));
  try {
    const { notAfterMs } = await readKeyPair(files);
    const left = notAfterMs - clock.now();
    const until = `${files.certificate} ${left > 0 ? "is valid until" : "has expired on"} ${dayOf(notAfterMs)}`;
    if (left > SOON_MS) return [{ name: "tls", ok: true, text: until }];
    const hint = "replace both files: a server that runs reads them within seconds";
    return [{ name: "tls", ok: false, text: until, ...(tls.kind === "files" && { hint }) }];
  } catch (error) {
    if (tls.kind === "self-signed")
      return [{ name: "tls", ok: true, text: "the next start of boxkite up makes the certificate" }];
    return [{ name: "tls", ok: false, text: messageOf(error), hint: (error as BoxkiteError).hint }];
  }
}
