//! What the program writes for other programs: completions in real shells, and manual pages that the tools for such pages read. A
//! shell or tool that is not installed is left out, which is said.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::process::{caiman, clean, run, text};

fn has(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: {program} is not here");
    }
    found
}

/// A folder with files to complete and the program's script for a shell, and the path in which the shell finds the program.
fn prepared(shell: &str) -> (tempfile::TempDir, String) {
    let caiman = caiman(&["completions", shell]);
    let folder = Path::new(caiman.get_program()).parent().unwrap().to_owned();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("photo album.txt"), "x").unwrap();
    fs::create_dir(home.path().join("photos")).unwrap();
    fs::write(home.path().join("completions"), &run(caiman).exits(0).output).unwrap();
    (home, format!("{}:{}", folder.display(), env::var("PATH").unwrap()))
}

/// A command that runs in this folder, which is its home as well.
fn at_home(program: &str, home: &Path, path: String) -> Command {
    let mut command = Command::new(program);
    clean(&mut command);
    command.env("PATH", path).env("HOME", home).env("XDG_CONFIG_HOME", home).current_dir(home);
    command
}

/// What a shell says that finds the program in its path, with a script from standard input.
fn in_shell(shell: &str, args: &[&str], script: &str) -> String {
    let (home, path) = prepared(shell);
    let mut command = at_home(shell, home.path(), path);
    command.args(args).arg("-c").arg(script);
    let ended = run(command);
    assert!(ended.errors.is_empty(), "{}", ended.errors);
    String::from_utf8(ended.output).unwrap()
}

const TYPED: &[(&[&str], &str)] = &[
    (&["rec"], "receive"),
    (&["receive", "--ou"], "--out"),
    (&["receive", "tul"], "tulip-"),
    (&["receive", "acid-coyote-mus"], "acid-coyote-mustard-"),
    (&["receive", "acid-coyote-mustard-tul"], "acid-coyote-mustard-tulip"),
    (&["receive", "acid", "coy"], "coyote"),
    (&["receive", "acid", "coyote", "mus"], "mustard"),
    (&["receive", "--yes", "tul"], "tulip-"),
    (&["send", "--path", "lo"], "local"),
    (&["send", "photos"], "photos/"),
    (&["completions", "fi"], "fish"),
];

#[test]
fn bash_completes_commands_options_paths_and_the_words_of_codes() {
    if !has("bash") {
        return;
    }
    for (typed, completed) in TYPED {
        // Bash calls the function in this way when the user presses Tab.
        let words = format!("caiman {}", typed.join(" "));
        let last = typed.last().unwrap();
        let script = format!(
            "source completions; COMP_WORDS=({words}); COMP_CWORD={}; COMP_TYPE=9; \
             spec=$(complete -p caiman); function=${{spec##*-F }}; function=${{function%% *}}; \
             compopt() {{ [ \"$1\" = +o ] || echo \"$1 $2\"; }}; \
             $function caiman '{last}' caiman; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            typed.len()
        );
        let said = in_shell("bash", &["--norc"], &script);
        let mut lines: Vec<&str> = said.lines().collect();
        // Another word follows a dash, and more of a path follows a slash.
        let is_open = completed.ends_with(['-', '/']);
        assert_eq!(lines.contains(&"-o nospace"), is_open, "{typed:?}: {said}");
        lines.retain(|line| *line != "-o nospace");
        assert_eq!(lines, [*completed], "{typed:?}");
    }
}

/// Catches the name of a file that is run once it is completed. Bash quotes names only at a terminal, which `script` imitates.
#[cfg(target_os = "linux")]
#[test]
fn bash_runs_nothing_that_stands_in_a_completed_name() {
    use std::io::Write;
    if !(has("bash") && has("script")) {
        return;
    }
    let (home, path) = prepared("bash");
    fs::write(home.path().join("film$(touch ran).mov"), "x").unwrap();
    let mut command = at_home("script", home.path(), path);
    command.args(["-qec", "bash --norc --noprofile -i", "/dev/null"]).env("TERM", "dumb");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().unwrap();
    let typed = b"source completions\ncaiman send fil\t --nonsense\nexit\n";
    script.stdin.take().unwrap().write_all(typed).unwrap();
    let said = script.wait_with_output().unwrap().stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("there is no option --nonsense"), "{said}");
    assert!(said.contains(r"film\$\(touch\ ran\).mov"), "{said}");
    assert!(!home.path().join("ran").exists());
}

#[test]
fn fish_completes_commands_options_paths_and_the_words_of_codes() {
    if !has("fish") {
        return;
    }
    for (typed, completed) in TYPED {
        let script = format!("source completions; complete -C 'caiman {}'", typed.join(" "));
        let said = in_shell("fish", &["--no-config"], &script);
        let values: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(values, [*completed], "{typed:?}");
    }
}

/// The shell itself needs a terminal to complete anything, so what it would offer is written instead.
#[test]
fn zsh_completes_commands_options_paths_and_the_words_of_codes() {
    if !has("zsh") {
        return;
    }
    for (typed, completed) in TYPED {
        let script = format!(
            "cp completions _caiman; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; \
             _describe() {{ print -rl -- \"${{(@P)3}}\"; print -r -- \"${{@[4,-1]}}\"; }}; \
             words=(caiman {}); CURRENT={}; _caiman",
            typed.join(" "),
            typed.len() + 1
        );
        let said = in_shell("zsh", &["-f"], &script);
        let bare = completed.trim_end_matches('/');
        assert!(said.lines().any(|line| line.trim().split(':').next() == Some(bare)), "{typed:?}: {said}");
        assert_eq!(said.contains("-S"), completed.ends_with(['-', '/']), "{typed:?}: {said}");
    }
}

#[test]
fn completions_say_nothing_where_nothing_fits() {
    let mut command = caiman(&["--", "caiman", "receive", "acid-"]);
    command.env("CAIMAN_COMPLETE", "fish");
    let ended = run(command);
    assert!(ended.exits(0).output.is_empty());
}

fn pages() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(caiman(&["man", "--out", text(folder.path()), "--date", "2026-01-31"])).exits(0);
    folder
}

#[test]
fn there_is_a_manual_page_for_the_program_and_for_each_command() {
    let (pages, again) = (pages(), pages());
    let names = crate::support::engine::names_in(pages.path());
    assert_eq!(
        names,
        [
            "caiman-completions.1",
            "caiman-people.1",
            "caiman-receive.1",
            "caiman-relay.1",
            "caiman-send.1",
            "caiman-unfinished.1",
            "caiman.1"
        ]
    );
    for name in &names {
        let page = fs::read_to_string(pages.path().join(name)).unwrap();
        assert_eq!(page, fs::read_to_string(again.path().join(name)).unwrap(), "{name}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "\"SEE ALSO\""] {
            assert!(page.contains(&format!(".SH {section}\n")), "{section} in {name}");
        }
    }
    let page = fs::read_to_string(pages.path().join("caiman.1")).unwrap();
    for section in ["COMMANDS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES"] {
        assert!(page.contains(&format!(".SH {section}\n")), "{section}");
    }
    let printed = run(caiman(&["man", "--date", "2026-01-31"]));
    assert_eq!(String::from_utf8(printed.exits(0).output.clone()).unwrap(), page);
    assert!(fs::read_to_string(pages.path().join("caiman-send.1")).unwrap().contains("CAIMAN_SERVER"));
}

#[test]
fn the_tools_for_manual_pages_find_nothing_wrong_with_them() {
    let pages = pages();
    for name in crate::support::engine::names_in(pages.path()) {
        let page = pages.path().join(&name);
        for (tool, args) in [
            ("mandoc", &["-T", "lint", "-W", "warning"][..]),
            ("groff", &["-man", "-ww", "-z", "-Tutf8", "-Kutf8"]),
        ] {
            let probe = Command::new(tool)
                .arg("-h")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if probe.is_err() {
                eprintln!("skipped: {tool} is not here");
                continue;
            }
            let said = Command::new(tool).args(args).arg(&page).output().unwrap();
            let said = [said.stdout, said.stderr].concat();
            assert!(said.is_empty(), "{tool}: {}", String::from_utf8_lossy(&said));
        }
    }
}
