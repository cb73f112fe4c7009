//! The `nevel` command.

fn main() -> std::process::ExitCode {
    nevel::cli::main()
}
