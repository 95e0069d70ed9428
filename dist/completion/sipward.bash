# SPDX-License-Identifier: Apache-2.0
# bash completion for sipward(1). Only words: nothing is asked of the daemon.

# "check": its options and their words are asked of the program, which has them in one table.
_sipward_check() {
	local cur=$1 prev=$2 name letter words list=''
	while read -r name letter words; do
		case $prev in
		"${name%=*}"|"-$letter")
			[[ $name == *= ]] || break
			if [[ $words == FILE ]]; then
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			else
				mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
			fi
			return ;;
		esac
		list+=" ${name%=}"
	done < <("${COMP_WORDS[0]}" check --describe words 2>/dev/null)
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
}

_sipward() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' sub='' words='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-f|--config|-s|--socket|-o|--output|--kind|--dns|--wait|--within|--from|--caller|--method|\
		--trust|--untrusted|--crl|--at|--as|--name|--match|--eku|--revocation|--zone|--batch) ((i++)) ;;
		-*) ;;
		*) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; elif [[ -z $sub ]]; then sub=${COMP_WORDS[i]}; fi ;;
		esac
	done
	if [[ $command == check ]]; then
		_sipward_check "$cur" "$prev"
		return
	fi
	case $prev in
	-f|--config|-s|--socket|--trust|--untrusted|--crl|--batch|--ca-status)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	-o|--output) words="text json" ;;
	--kind) words="email edge directory" ;;
	--method) words="INVITE OPTIONS SUBSCRIBE MESSAGE" ;;
	--as) words="client server" ;;
	--match) words="rfc5922 expressway rfc9525 teams pin" ;;
	--eku) words="strict server-or-client any" ;;
	--revocation) words="off soft hard" ;;
	--dns|--wait|--from|--caller|--at|--name|--zone) return ;;
	*)
		case $command in
		'') words="status reload drain log domain route cert check explain reflect why reason --config --socket --output --version --help" ;;
		status) words="--json" ;;
		log) words="error warn info debug trace" ;;
		domain)
			case $sub in
			'') words="token status verify remove" ;;
			token) words="--kind --new" ;;
			verify) words="--dns --wait --all" ;;
			esac ;;
		route) words="--from --caller --method" ;;
		cert)
			case $sub in
			'') words="show verify forecast" ;;
			forecast) words="--at --within --ca-status --output --config" ;;
			verify) words="--trust --untrusted --crl --at --as --name --match --eku --revocation --wildcard --zone --config --batch --output" ;;
			show) words="--output" ;;
			esac
			if [[ -n $sub && $cur != -* ]]; then
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
				return
			fi ;;
		explain) words="--list --markdown --schema $("${COMP_WORDS[0]}" explain --list 2>/dev/null | cut -d ' ' -f 1)" ;;
		why) words="--output $("${COMP_WORDS[0]}" why 2>/dev/null | grep -oE '^[0-9a-f]{16}')" ;;
		reason) words="--list --markdown $("${COMP_WORDS[0]}" reason --list 2>/dev/null | cut -d ' ' -f 1)" ;;
		esac ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _sipward sipward
