//! What a job does. All of it is harmless, and bounded.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::problem::Problem;

/// Numbers in one sum.
const NUMBERS: usize = 1_000;
/// The longest sleep, in milliseconds.
const LONGEST_SLEEP: u64 = 60_000;

/// A piece of work, checked when it is submitted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// Its result is its payload.
    Echo(Value),
    /// `{"numbers": [1, 2]}`
    Sum(Vec<f64>),
    /// `{"milliseconds": 500}`
    Sleep(Duration),
    /// `{"times": 2}`: fails so often, then succeeds; without `times` it always fails.
    Fail(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SumPayload {
    numbers: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SleepPayload {
    milliseconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailPayload {
    times: Option<u32>,
}

impl Work {
    /// Reads the work of a type from its payload.
    pub(crate) fn of(kind: &str, payload: &Value) -> Result<Self, Problem> {
        fn read<'p, T: Deserialize<'p>>(payload: &'p Value, example: &str) -> Result<T, Problem> {
            T::deserialize(payload).map_err(|_| Problem::invalid("payload", &format!("must be like {example}")))
        }
        match kind {
            "echo" => Ok(Self::Echo(payload.clone())),
            "sum" => {
                let SumPayload { numbers } = read(payload, r#"{"numbers": [1, 2]}"#)?;
                let fits = numbers.len() <= NUMBERS;
                if fits {
                    Ok(Self::Sum(numbers))
                } else {
                    Err(Problem::invalid("payload", "has too many numbers; 1000 may be"))
                }
            }
            "sleep" => {
                let SleepPayload { milliseconds } = read(payload, r#"{"milliseconds": 500}"#)?;
                let fits = milliseconds <= LONGEST_SLEEP;
                let sleep = Self::Sleep(Duration::from_millis(milliseconds));
                if fits {
                    Ok(sleep)
                } else {
                    Err(Problem::invalid("payload", "sleeps for too long; 60000 milliseconds may be"))
                }
            }
            "fail" => {
                let payload = if payload.is_null() { &json!({}) } else { payload };
                let FailPayload { times } = read(payload, r#"{"times": 2}"#)?;
                Ok(Self::Fail(times.unwrap_or(u32::MAX)))
            }
            _ => Err(Problem::invalid("type", "must be echo, sum, sleep or fail")),
        }
    }

    /// Does it, for the nth time.
    pub(crate) async fn run(self, attempt: u32) -> Result<Value, String> {
        match self {
            Self::Echo(payload) => Ok(payload),
            Self::Sum(numbers) => {
                let sum: f64 = numbers.iter().sum();
                if sum.is_finite() { Ok(json!({ "sum": sum })) } else { Err("the sum is beyond numbers".to_owned()) }
            }
            Self::Sleep(time) => {
                tokio::time::sleep(time).await;
                Ok(json!({ "slept_milliseconds": time.as_millis() }))
            }
            Self::Fail(times) if attempt <= times => Err(format!("failed on purpose, attempt {attempt}")),
            Self::Fail(_) => Ok(json!({ "attempt": attempt })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_checked_when_it_is_submitted() {
        let many = json!({ "numbers": vec![1; NUMBERS + 1] });
        for (kind, payload) in [
            ("shell", json!("rm -rf /")),
            ("sum", json!(null)),
            ("sum", json!({ "numbers": ["1"] })),
            ("sum", many),
            ("sleep", json!({ "milliseconds": LONGEST_SLEEP + 1 })),
            ("sleep", json!({ "milliseconds": -1 })),
            ("fail", json!({ "times": 1, "also": 2 })),
        ] {
            assert_eq!(Work::of(kind, &payload).unwrap_err().status, 400, "{kind}");
        }
        assert_eq!(Work::of("fail", &json!(null)).unwrap(), Work::Fail(u32::MAX));
    }

    #[tokio::test]
    async fn work_does_what_it_says() {
        let run = async |kind: &str, payload: Value, attempt| Work::of(kind, &payload).unwrap().run(attempt).await;
        assert_eq!(run("echo", json!({ "a": 1 }), 1).await, Ok(json!({ "a": 1 })));
        assert_eq!(run("sum", json!({ "numbers": [1, 2.5] }), 1).await, Ok(json!({ "sum": 3.5 })));
        assert!(run("sum", json!({ "numbers": [1.7e308, 1.7e308] }), 1).await.is_err());
        assert_eq!(run("sleep", json!({ "milliseconds": 1 }), 1).await, Ok(json!({ "slept_milliseconds": 1 })));
        assert!(run("fail", json!({ "times": 1 }), 1).await.is_err());
        assert_eq!(run("fail", json!({ "times": 1 }), 2).await, Ok(json!({ "attempt": 2 })));
    }
}
