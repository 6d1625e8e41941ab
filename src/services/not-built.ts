/** What Boxkite does not serve, in words that people know it by, for the answer `unimplemented`. */
import { Code, ConnectError } from "@connectrpc/connect";
import { textOf } from "../domain/errors.ts";
import { NO_SECRETS, NO_TRIGGERS } from "../wire/refusals.ts";

interface NotBuilt {
  readonly what: string;
  readonly instead: string;
}

const APPS: NotBuilt = {
  what: "apps",
  instead: "run the service beside this server, and let tasks call it",
};
const TRACKED_RUNS: NotBuilt = {
  what: "runs that are driven elsewhere and only shown here",
  instead: "start them here, with flyte.run",
};

/** By service. */
const NOT_BUILT: Readonly<Record<string, NotBuilt>> = {
  "flyteidl2.app.AppService": APPS,
  "flyteidl2.app.AppLogsService": APPS,
  "flyteidl2.artifact.ArtifactService": {
    what: "artifacts",
    instead: "return the data from a task as a File, Dir or DataFrame, and pass it on from there",
  },
  "flyteidl2.org.DomainService": {
    what: "domains of one's own",
    instead: "use development, staging or production",
  },
  "flyteidl2.secret.SecretService": { what: "secrets", instead: NO_SECRETS.instead },
  "flyteidl2.settings.SettingsService": {
    what: "settings that are kept for a project",
    instead: "give them to each run: flyte.with_runcontext(…), in TypeScript withRunContext({…})",
  },
  "flyteidl2.trigger.TriggerService": { what: "triggers", instead: NO_TRIGGERS.instead },
  "flyteidl2.workflow.TrackedRunService": TRACKED_RUNS,
};

/** `service`, `method`: their names in the protocol. The answer has the method's, for those who speak it. */
export function notBuilt(service: string, method: string): ConnectError {
  const { what, instead } = NOT_BUILT[service] ?? {
    what: `the call ${service}/${method}`,
    instead: "docs/protocol.md lists the calls that it has",
  };
  const text = textOf({ message: `this server does not have ${what} yet (${method})`, hint: instead });
  return new ConnectError(text, Code.Unimplemented);
}
