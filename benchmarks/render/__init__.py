"""Result files to Markdown, a module a benchmark; ``benchmarks.page`` puts it into docs/benchmarks.md."""
