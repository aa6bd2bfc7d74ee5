//! What is to be timed, as JSON.

use serde_json::Value;

pub struct Job {
    pub rounds: usize,
    pub warmup: usize,
    pub alternatives: Vec<Alternative>,
}

pub struct Alternative {
    pub name: String,
    /// The program's absolute path, then its arguments.
    pub argv: Vec<String>,
    /// The line that the launcher reads, for an alternative that is the launcher.
    pub plan: Option<String>,
}

pub fn parse(text: &str) -> Result<Job, String> {
    let job: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let alternatives = job["alternatives"]
        .as_array()
        .ok_or("alternatives: a list is meant")?;
    Ok(Job {
        rounds: count(&job["rounds"], "rounds")?,
        warmup: count(&job["warmup"], "warmup")?,
        alternatives: alternatives
            .iter()
            .map(alternative)
            .collect::<Result<_, _>>()?,
    })
}

fn alternative(value: &Value) -> Result<Alternative, String> {
    let argv = value["argv"].as_array().ok_or("argv: a list is meant")?;
    let argv = argv
        .iter()
        .map(|word| string(word, "argv"))
        .collect::<Result<Vec<_>, _>>()?;
    if argv.is_empty() {
        return Err("argv: a program is meant".into());
    }
    let plan = if value["plan"].is_null() {
        None
    } else {
        Some(string(&value["plan"], "plan")?)
    };
    Ok(Alternative {
        name: string(&value["name"], "name")?,
        argv,
        plan,
    })
}

fn count(value: &Value, key: &str) -> Result<usize, String> {
    value
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| format!("{key}: a count is meant"))
}

fn string(value: &Value, key: &str) -> Result<String, String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{key}: text is meant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_without_a_program_is_refused() {
        let text = r#"{"rounds": 1, "warmup": 0, "alternatives": [{"name": "a", "argv": [], "plan": null}]}"#;
        assert_eq!(
            parse(text).err().as_deref(),
            Some("argv: a program is meant")
        );
    }

    #[test]
    fn a_job_keeps_its_words_and_its_plan() {
        let text = r#"{"rounds": 2, "warmup": 1, "alternatives": [{"name": "a", "argv": ["/bin/true", "x"], "plan": "{}"}]}"#;
        let job = parse(text).expect("a good job");
        assert_eq!((job.rounds, job.warmup), (2, 1));
        assert_eq!(job.alternatives[0].argv, ["/bin/true", "x"]);
        assert_eq!(job.alternatives[0].plan.as_deref(), Some("{}"));
    }
}
