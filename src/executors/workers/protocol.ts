/** What the server and a worker say to each other; in the domain, since a worker's own program needs it, too. */
export * from "../../domain/worker-protocol.ts";
