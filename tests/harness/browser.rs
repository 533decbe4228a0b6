//! Somebody with a browser: Debian's chromium without a window, spoken to over a pipe in its own protocol (CDP).
//!
//! A [`Tab`] does what people do: goes somewhere, fills in, presses, reads. What a browser complains of meanwhile (errors of
//! scripts, refusals of the page's policy) is kept, and [`Tab::check_calm`] holds that there is none. [`Tab::check_accessible`]
//! asks axe-core, in light, dark and on a narrow screen, and leaves pictures in `target/screenshots`.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::asking::{is_left_to_tests_run, tools};
use crate::process::{PATIENCE, workspace_root};
use crate::setup::temporary;

/// The browser speaks on its descriptors 3 and 4, and we on its standard ones.
const START: &str = "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
     --disable-background-networking --disable-component-update --disable-sync --disable-default-apps --hide-scrollbars \
     --force-color-profile=srgb --font-render-hinting=none --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
     --remote-debugging-pipe --user-data-dir=\"$1\" about:blank 3<&0 4>&1 >/dev/null 2>/dev/null";
/// What is looked at: name, width, height, colour scheme.
const LOOKS: [(&str, u32, u32, &str); 3] =
    [("light", 1_280, 860, "light"), ("dark", 1_280, 860, "dark"), ("360px", 360, 780, "light")];

/// A running browser. Dropped, it is killed.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    line: Arc<Line>,
    _profile: TempDir,
}

/// What is said to the browser, and what it says.
#[derive(Debug)]
struct Line {
    to: Mutex<(u64, ChildStdin)>,
    heard: Mutex<Heard>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    answers: BTreeMap<u64, Value>,
    /// By session: loads so far, and what was complained of.
    loads: BTreeMap<String, usize>,
    complaints: BTreeMap<String, VecDeque<String>>,
    ended: bool,
}

/// A page of its own, with cookies of its own.
#[derive(Debug)]
pub struct Tab<'b> {
    line: &'b Line,
    session: String,
    base: String,
}

impl Browser {
    /// A browser, where there is one; else the test is left to `tests/run`.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let axe = axe();
        if is_left_to_tests_run("chromium") || is_left_to_tests_run(axe.to_str().expect("a path of ours")) {
            return None;
        }
        let profile = temporary();
        let mut command = Command::new("bash");
        command.arg("-c").arg(START).arg("chromium").arg(profile.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash runs");
        let to = Mutex::new((0, child.stdin.take().expect("piped")));
        let line = Arc::new(Line { to, heard: Mutex::default(), news: Condvar::new() });
        let (listening, from) = (Arc::clone(&line), child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                listening.hear(&serde_json::from_slice(&message).unwrap_or_default());
            }
            listening.heard.lock().unwrap().ended = true;
            listening.news.notify_all();
        });
        Some(Self { child, line, _profile: profile })
    }

    /// A page that begins at `base`, such as `http://127.0.0.1:7800`.
    #[track_caller]
    pub fn tab(&self, base: &str) -> Tab<'_> {
        let context = self.line.call(None, "Target.createBrowserContext", json!({}));
        let context = &context["browserContextId"];
        let permissions = json!(["clipboardReadWrite", "clipboardSanitizedWrite"]);
        let grant = json!({ "permissions": permissions, "origin": base, "browserContextId": context });
        self.line.call(None, "Browser.grantPermissions", grant);
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = self.line.call(None, "Target.createTarget", target);
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.line.call(None, "Target.attachToTarget", attach);
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let tab = Tab { line: &self.line, session, base: base.to_owned() };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            tab.call(domain, json!({}));
        }
        tab.look(LOOKS[0]);
        tab
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Line {
    fn hear(&self, message: &Value) {
        let mut heard = self.heard.lock().unwrap();
        let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
        let parameters = &message["params"];
        let complaint = match message["method"].as_str() {
            None => {
                let id = message["id"].as_u64().unwrap_or_default();
                heard.answers.insert(id, message.clone());
                None
            }
            Some("Page.loadEventFired") => {
                *heard.loads.entry(session.clone()).or_default() += 1;
                None
            }
            Some("Runtime.exceptionThrown") => Some(parameters["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") if parameters["type"] == "error" => Some(parameters["args"].to_string()),
            Some("Log.entryAdded") if is_complaint(&parameters["entry"]) => Some(parameters["entry"].to_string()),
            Some(_) => None,
        };
        if let Some(complaint) = complaint {
            heard.complaints.entry(session).or_default().push_back(complaint);
        }
        drop(heard);
        self.news.notify_all();
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut take: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let mut taken = None;
        let waiting = |heard: &mut Heard| {
            taken = take(heard);
            taken.is_none() && !heard.ended
        };
        let (heard, waited) = self.news.wait_timeout_while(self.heard.lock().unwrap(), PATIENCE, waiting).unwrap();
        let ended = heard.ended;
        drop(heard);
        assert!(!waited.timed_out(), "waited for {what} in vain");
        taken.unwrap_or_else(|| panic!("the browser ended (before {what}): {ended}"))
    }

    #[track_caller]
    fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let id = {
            let mut to = self.to.lock().unwrap();
            to.0 += 1;
            let mut message = json!({ "id": to.0, "method": method, "params": parameters });
            if let Some(session) = session {
                message["sessionId"] = session.into();
            }
            let mut bytes = message.to_string().into_bytes();
            bytes.push(0);
            to.1.write_all(&bytes).expect("the browser listens");
            to.0
        };
        let answer = self.wait(method, |heard| heard.answers.remove(&id));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }
}

impl Tab<'_> {
    #[track_caller]
    fn call(&self, method: &str, parameters: Value) -> Value {
        self.line.call(Some(&self.session), method, parameters)
    }

    /// Goes to a path, and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, path: &str) -> &Self {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        self.that_loads(|| {
            let answer = self.call("Page.navigate", json!({ "url": url }));
            assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        })
    }

    /// Does something that leads to another page, and waits until that is loaded.
    #[track_caller]
    fn that_loads(&self, act: impl FnOnce()) -> &Self {
        let loads = |heard: &Heard| heard.loads.get(&self.session).copied().unwrap_or(0);
        let before = loads(&self.line.heard.lock().unwrap());
        act();
        self.line.wait("a page to load", |heard| (loads(heard) > before).then_some(()));
        self
    }

    /// Gives it a cookie of the host's.
    #[track_caller]
    pub fn carries(&self, name: &str, value: &str) {
        let cookie =
            json!({ "name": name, "value": value, "url": self.base, "path": "/", "secure": true, "httpOnly": true });
        let kept = self.call("Network.setCookie", cookie);
        assert_eq!(kept["success"], json!(true), "{kept}");
    }

    /// What a script says, told as JSON.
    #[track_caller]
    pub fn says(&self, script: &str) -> Value {
        let evaluate =
            json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let answer = self.call("Runtime.evaluate", evaluate);
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Its path, with the query.
    #[track_caller]
    pub fn path(&self) -> String {
        self.says("location.pathname + location.search").as_str().expect("a path").to_owned()
    }

    /// The text that is seen.
    #[track_caller]
    pub fn text(&self) -> String {
        self.says("document.body.innerText").as_str().expect("text").to_owned()
    }

    /// The text of the first element that a selector finds.
    #[track_caller]
    pub fn text_of(&self, selector: &str) -> String {
        let text = self.says(&format!("document.querySelector({})?.textContent.trim() ?? null", json!(selector)));
        text.as_str()
            .unwrap_or_else(|| panic!("nothing is `{selector}` on {}:\n{}", self.path(), self.text()))
            .to_owned()
    }

    /// Checks that all of these are seen.
    #[track_caller]
    pub fn check_sees(&self, texts: &[&str]) -> &Self {
        let seen = self.text().split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(seen.contains(text), "`{text}` is not seen on {}:\n{seen}", self.path());
        }
        self
    }

    /// Writes into the field of a name, as if it was typed.
    #[track_caller]
    pub fn fill(&self, name: &str, value: &str) -> &Self {
        let found = self.says(&format!(
            "(() => {{ const all = [...document.querySelectorAll('[name=\"{name}\"]:not([type=hidden])')]; \
             const field = all.find(one => one.closest('dialog')) ?? all[0]; if (!field) return false; \
             field.focus(); field.value = {}; \
             field.dispatchEvent(new Event('input', {{ bubbles: true }})); field.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()",
            json!(value)
        ));
        assert_eq!(found, json!(true), "there is no field `{name}` on {}:\n{}", self.path(), self.text());
        self
    }

    /// Chooses among boxes or radios of a name.
    #[track_caller]
    pub fn choose(&self, name: &str, value: &str) -> &Self {
        let found = self.says(&format!(
            "(() => {{ const box = [...document.querySelectorAll('[name=\"{name}\"]')].find(one => one.value === {}); \
             if (!box) return false; if (!box.checked) box.click(); return true; }})()",
            json!(value)
        ));
        assert_eq!(found, json!(true), "there is no `{name}` of `{value}` on {}:\n{}", self.path(), self.text());
        self
    }

    /// Presses the link or button that says this, with the mouse, and waits for the page that it leads to.
    #[track_caller]
    pub fn press(&self, says: &str) -> &Self {
        self.that_loads(|| self.press_here(says))
    }

    /// Presses something that leads nowhere.
    #[track_caller]
    pub fn press_here(&self, says: &str) {
        let at = self.says(&format!(
            "(() => {{ const plain = text => text.replace(/\\s+/g, ' ').trim(); \
             const within = document.querySelector('dialog[open]') ?? document; \
             const one = [...within.querySelectorAll('a, button, summary')].find(one => one.offsetParent !== null && \
             (plain(one.innerText) === {0} || one.getAttribute('aria-label') === {0})); if (!one) return null; \
             one.scrollIntoView({{ block: 'center' }}); const box = one.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(says)
        ));
        assert!(at.is_array(), "nothing says `{says}` on {}:\n{}", self.path(), self.text());
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Waits until a script says true.
    #[track_caller]
    pub fn wait_until(&self, script: &str) -> &Self {
        let waited = format!(
            "new Promise(done => {{ const look = () => {{ if ({script}) done(true); else requestAnimationFrame(look); }}; look(); }})"
        );
        assert_eq!(self.says(&waited), json!(true));
        self
    }

    /// Checks that the browser has nothing to complain of: no script erred, and the page's policy refused nothing.
    #[track_caller]
    pub fn check_calm(&self) -> &Self {
        // What it says before it answers is heard by then.
        self.says("0");
        let complaints = self.line.heard.lock().unwrap().complaints.remove(&self.session);
        assert!(complaints.is_none(), "{}: {complaints:?}", self.path());
        self
    }

    /// Checks that axe-core finds nothing, in every look, and that nothing is wider than a narrow screen; leaves pictures.
    #[track_caller]
    pub fn check_accessible(&self, name: &str) -> &Self {
        let axe = std::fs::read_to_string(axe()).expect("axe-core is there");
        self.says(&format!("{axe}; 0"));
        for look in LOOKS {
            self.look(look);
            let found = self.says(
                "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.map(one => \
                 `${one.id}: ${one.help}: ${one.nodes.map(node => node.html.slice(0, 200) + ' ' + node.any.map(any => any.message).join('; ')).join(' | ')}`))",
            );
            let found: Vec<_> = found.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            assert!(found.is_empty(), "{name}, {}: {}", look.0, found.join("\n"));
            let wide = self.says("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, json!(0), "{name}, {}: the page is wider than the screen", look.0);
            self.photograph(&format!("{name}.{}", look.0));
        }
        self.look(LOOKS[0]);
        self.check_calm()
    }

    fn look(&self, (_, width, height, scheme): (&str, u32, u32, &str)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Leaves a picture of the whole page in `target/screenshots`.
    #[track_caller]
    pub fn photograph(&self, name: &str) {
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let picture = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", picture);
        let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        let folder = workspace_root().join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("there is room for pictures");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("there is room for pictures");
    }
}

/// Errors and warnings, but for pages that answer 403 and the like, which are told of as well.
fn is_complaint(entry: &Value) -> bool {
    entry["source"] != "network" && entry["level"] != "verbose" && entry["level"] != "info"
}

fn axe() -> PathBuf {
    tools().join("node/node_modules/axe-core/axe.min.js")
}
