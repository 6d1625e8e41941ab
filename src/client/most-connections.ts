/** To one server, of all clients of this process; what comes beyond them waits for one of them. */
export const MOST_CONNECTIONS = 64;
