# SPDX-License-Identifier: Apache-2.0
# bash completion for sipwardd(8).

_sipwardd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	case $prev in
	-f|--config|-P|--pidfile)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	-d|--log-level) mapfile -t COMPREPLY < <(compgen -W "error warn info debug trace" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "--config --check --dump-config --log-level --pidfile --foreground --log-stderr --version --help" -- "$cur") ;;
	esac
}
complete -F _sipwardd sipwardd
