/** How the attempts of a run ended, as the server has it on record, with their logs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { readRunDocument } from "../../../src/client/run-document.ts";
import { createTransport } from "../../../src/client/transport.ts";
import { orAbsent } from "../../../src/lib/errno.ts";
import { parseLine } from "../../../src/logs/log-line.ts";
import { RunService } from "../../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import type { TestServer } from "../../helpers/server.ts";

const SCOPE = { project: "flytesnacks", domain: "development" };

export interface Ending {
  readonly phase: string;
  readonly exitCode: number | undefined;
  readonly error: string | undefined;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Of its last attempt; "cold" in a container of its own. */
  readonly mode: string;
}

/** By the second part of the task's name; of several actions of one task the last one. */
export async function endingsOf(server: TestServer, run: string): Promise<Record<string, Ending>> {
  const connection = { baseUrl: `http://127.0.0.1:${server.port}` };
  const { actions } = await createClient(RunService, createTransport(connection)).listActions({
    runId: { org: "", ...SCOPE, name: run },
    request: { limit: 100 },
  });
  const endings = actions.map(async ({ id }): Promise<[string, Ending]> => {
    const { action } = await readRunDocument(connection, { ...SCOPE, run }, id?.name);
    const attempt = action.attempts.at(-1);
    const file = join(
      server.ready.data,
      "logs/flytesnacks/development",
      run,
      action.name,
      `${attempt?.attempt}.log`,
    );
    // One that wrote nothing has none.
    const content = (await orAbsent(readFile(file, "utf8"))) ?? "";
    const lines = content.split("\n").map(parseLine);
    const written = (stream: string) => lines.flatMap((line) => (line?.stream === stream ? [line.text] : []));
    const { code, message, kind } = action.error ?? {};
    const ending = {
      phase: action.phase,
      exitCode: attempt?.exitCode,
      error: action.error && `${kind} ${code}: ${message}`,
      stdout: written("stdout"),
      stderr: written("stderr"),
      mode: attempt?.provenance.warm?.mode ?? "cold",
    };
    return [action.task?.name.split(".").at(-1) ?? "", ending];
  });
  return Object.fromEntries(await Promise.all(endings));
}
