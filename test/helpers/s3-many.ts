import type { S3Server } from "./s3-server.ts";

/** `many/<folder>/<number>`: ten folders with a thousand objects each. */
export async function putMany({ store }: S3Server): Promise<void> {
  for (let folder = 0; folder < 10; folder++) {
    const numbers = Array.from({ length: 1000 }, (_, number) => String(number).padStart(5, "0"));
    await Promise.all(numbers.map((number) => store.put(`many/${folder}/${number}`, Buffer.from(number))));
  }
}
