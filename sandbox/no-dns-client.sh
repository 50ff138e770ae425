module=$(echo "$1"/usr/lib/*/asterisk/modules/res_pjsip.so)
LC_ALL=C sed -i 's/ast_dns_get_nameservers/getttyent\x0\x0\x0\x0\x0\x0\x0\x0\x0\x0\x0\x0\x0\x0/' "$module"
grep -q getttyent "$module"
