/** What is needed of an open file to read it: a `FileHandle` is one, and a file that is read at once can be. */
export interface ReadableFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}
