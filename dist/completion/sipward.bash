# SPDX-License-Identifier: Apache-2.0
# bash completion for sipward(1). Only words: nothing is asked of the daemon.

_sipward() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' sub='' words='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-f|--config|-s|--socket|-o|--output|--kind|--dns|--wait|--from|--caller|--method) ((i++)) ;;
		-*) ;;
		*) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; elif [[ -z $sub ]]; then sub=${COMP_WORDS[i]}; fi ;;
		esac
	done
	case $prev in
	-f|--config|-s|--socket)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	-o|--output) words="text json" ;;
	--kind) words="email edge directory" ;;
	--method) words="INVITE OPTIONS SUBSCRIBE MESSAGE" ;;
	--dns|--wait|--from|--caller) return ;;
	*)
		case $command in
		'') words="status reload drain log domain route reason --config --socket --output --version --help" ;;
		status) words="--json" ;;
		log) words="error warn info debug trace" ;;
		domain)
			case $sub in
			'') words="token status verify remove" ;;
			token) words="--kind --new" ;;
			verify) words="--dns --wait --all" ;;
			esac ;;
		route) words="--from --caller --method" ;;
		reason) words="--list --markdown $("${COMP_WORDS[0]}" reason --list 2>/dev/null | cut -d ' ' -f 1)" ;;
		esac ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _sipward sipward
