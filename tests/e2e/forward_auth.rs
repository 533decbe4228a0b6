//! Requests to an API through real gateways, which run the files of `examples/gateways`.

mod answers;
mod outage;
mod paths;
mod rig;
mod spoofing;

/// All of it, through each gateway.
macro_rules! through {
    ($($gateway:ident: $make:ident),+) => {$(
        mod $gateway {
            use harness::Make;

            use super::{answers, outage, paths, spoofing};

            #[test]
            fn each_cell_of_the_kind_table() {
                answers::each_cell_of_the_kind_table(Make::$make);
            }

            #[test]
            fn who_it_is_reaches_the_api_and_what_is_left_the_client() {
                answers::who_it_is_reaches_the_api_and_what_is_left_the_client(Make::$make);
            }

            #[test]
            fn denials_say_what_they_are() {
                answers::denials_say_what_they_are(Make::$make);
            }

            #[test]
            fn a_key_that_ends_is_dead_at_once() {
                answers::a_key_that_ends_is_dead_at_once(Make::$make);
            }

            #[test]
            fn an_exhausted_quota_says_when_to_come_back() {
                answers::an_exhausted_quota_says_when_to_come_back(Make::$make);
            }

            #[test]
            fn connections_are_kept() {
                answers::connections_are_kept(Make::$make);
            }

            #[test]
            fn nobody_passes_while_the_store_is_down() {
                outage::nobody_passes_while_the_store_is_down(Make::$make);
            }

            #[test]
            fn nobody_passes_while_the_host_is_paused_or_gone() {
                outage::nobody_passes_while_the_host_is_paused_or_gone(Make::$make);
            }

            #[test]
            fn nobody_passes_a_gateway_that_may_not_ask() {
                outage::nobody_passes_a_gateway_that_may_not_ask(Make::$make);
            }

            #[test]
            fn what_is_decided_about_is_what_the_api_gets() {
                paths::what_is_decided_about_is_what_the_api_gets(Make::$make);
            }

            #[test]
            fn what_servers_disagree_about_reaches_nobody() {
                paths::what_servers_disagree_about_reaches_nobody(Make::$make);
            }

            #[test]
            fn methods_are_the_clients_own() {
                paths::methods_are_the_clients_own(Make::$make);
            }

            #[test]
            fn headers_of_clients_change_nothing() {
                spoofing::headers_of_clients_change_nothing(Make::$make);
            }

            #[test]
            fn malformed_headers_help_nobody() {
                spoofing::malformed_headers_help_nobody(Make::$make);
            }
        }
    )+};
}

through!(nginx: Nginx, caddy: Caddy, haproxy: Haproxy, envoy: Envoy);
