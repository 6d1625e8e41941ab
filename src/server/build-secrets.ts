/** What image builds may read of the server's environment. */
import type { SecretMount } from "../images/image-spec.ts";
import { secretVariable } from "../builds/secret-variable.ts";

export function secretsOf(env: NodeJS.ProcessEnv): (secret: SecretMount) => string | undefined {
  return (secret) => env[secretVariable(secret)];
}
