"""``completion``: a shell script that completes the arguments of the command ``updraft``.

A shell completes words after a program's name, and ``python`` is not ours: so the scripts define a
function for ``python -m chalicelib`` first. What they ask in ``_UPDRAFT_COMPLETE`` Click answers.
"""

import shlex
import sys
from pathlib import Path
from string import Template

import click

COMPLETE_VARIABLE = "_UPDRAFT_COMPLETE"
"""Set by the scripts: then the program answers with completions, in the form that it names."""

_ROOT = Path(__file__).parents[2]
"""Where ``chalicelib`` is."""

_BASH = """\
updraft() {
    $program "$$@"
}

_updraft_completion() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $$kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            *) COMPREPLY+=("$$value") ;;
        esac
    done < <(env COMP_WORDS="$${COMP_WORDS[*]}" COMP_CWORD="$$COMP_CWORD" $variable=bash_complete \\
        $program 2>/dev/null)
}

complete -F _updraft_completion updraft
"""

_ZSH = """\
updraft() {
    $program "$$@"
}

_updraft_completion() {
    local kind value about
    local -a described
    env COMP_WORDS="$${words[*]}" COMP_CWORD=$$((CURRENT - 1)) $variable=zsh_complete \\
        $program 2>/dev/null |
    while read -r kind && read -r value && read -r about; do
        case $$kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            *) described+=("$$value$${$${about:#_}:+:$$about}") ;;
        esac
    done
    _describe updraft described
}

(( $$+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _updraft_completion updraft
"""

_FISH = """\
function updraft
    $program $$argv
end

function _updraft_completion
    env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) $variable=fish_complete \\
        $program 2>/dev/null | while read -d , kind value
        switch $$kind
            case dir
                __fish_complete_directories $$value
            case file
                __fish_complete_path $$value
            case '*'
                echo $$value
        end
    end
end

complete --no-files --command updraft --arguments '(_updraft_completion)'
"""

_SCRIPTS = {"bash": _BASH, "fish": _FISH, "zsh": _ZSH}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_SCRIPTS)))
def completion(shell: str) -> None:
    """Print what makes 'updraft' a command of your shell that completes its words, DAG ids and task ids too.

    \b
    bash, in ~/.bashrc:  eval "$(python -m chalicelib completion bash)"
    zsh, in ~/.zshrc:    eval "$(python -m chalicelib completion zsh)"
    fish, in config.fish: python -m chalicelib completion fish | source

    To be run where the project is; what it prints holds everywhere.

    Example: python -m chalicelib completion bash
    """
    program = (
        f'env PYTHONPATH={shlex.quote(str(_ROOT))}:"$PYTHONPATH" {shlex.quote(sys.executable)} -m chalicelib'
    )
    script = Template(_SCRIPTS[shell]).substitute(program=program, variable=COMPLETE_VARIABLE)
    click.echo(script, nl=False)
