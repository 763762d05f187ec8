"""Extract the text of a PDF from standard input to standard output: a separate program, because a PDF may never end.

The calling process limits its time; it limits its own memory and CPU time before it reads a byte, and what a stream in
the file may unpack to. It yields to the bot whenever both want the processor.
"""

import io
import os
import resource
import sys

PAGES_MAX = 100
CHARS_MAX = 60_001
"""One more than is kept, so that the caller sees that there is more."""
MEMORY_BYTES = 192 << 20
"""Of addresses; the interpreter and the library take 56 MB of it."""
CPU_S = 20
STREAM_BYTES_MAX = 16 << 20
"""What one compressed stream may unpack to; a page of text has kilobytes."""
CUT = 3
"""Exit code for a text of which only the beginning was read."""


def main() -> int:
    """Print the text of the first pages; return 1 when it cannot be read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    os.nice(10)
    try:
        return _print()
    except Exception as error:  # noqa: BLE001 - whatever a hostile file makes the library raise, it cannot be read
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1


def _print() -> int:
    from pypdf import Configuration, PdfReader, overwrite_configuration  # noqa: PLC0415 - under the limits, like all that follows

    most = STREAM_BYTES_MAX
    overwrite_configuration(
        Configuration(
            zlib_maximum_output_length=most,
            lzw_maximum_output_length=most,
            run_length_maximum_output_length=most,
            jbig2_maximum_output_length=most,
            brotli_maximum_output_length=most,
            maximum_declared_stream_length=most,
            array_based_stream_maximum_output_length=most,
            image_maximum_buffer_size=most,
            stream_decoding_work_maximum_length=2 * most,
        )
    )
    reader, left = PdfReader(io.BytesIO(sys.stdin.buffer.read())), CHARS_MAX
    for number, page in enumerate(reader.pages):
        if number == PAGES_MAX or left <= 0:
            return CUT
        text = page.extract_text() + "\n"
        sys.stdout.buffer.write(text[:left].encode(errors="replace"))
        left -= len(text)
    return 0 if left > 0 else CUT


if __name__ == "__main__":
    sys.exit(main())
