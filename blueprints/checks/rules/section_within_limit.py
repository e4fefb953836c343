from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

LIMITS = {"Parameters": 200, "Mappings": 200}


class SectionWithinLimit(CloudFormationLintRule):
    id = "E9009"
    shortdesc = "A template has at most 200 parameters and 200 mappings"
    description = (
        "CloudFormation refuses a template with more than 200 parameters or 200 mappings. cfn-lint has rules for both, "
        "E2010 and E7010, but in 1.58 they find nothing; those for resources and outputs do."
    )
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        return [
            RuleMatch([section], f"{len(entries)} {section.lower()}, and CloudFormation takes {limit}: split the stack")
            for section, limit in LIMITS.items()
            if isinstance(entries := cfn.template.get(section), dict) and len(entries) > limit
        ]
