"""A template that is clean in both engines, its JSON, and one with an error."""

import json

CLEAN = """\
AWSTemplateFormatVersion: 2010-09-09
Description: A topic
Parameters:
  Name:
    Type: String
    Default: alarms
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Metadata:
      com.aws.cloudformation.Context:
        why: alarms go to people by mail
    Properties:
      DisplayName: !Ref Name
      KmsMasterKeyId: alias/aws/sns
      Tags:
        - Key: Environment
          Value: dev
"""

CLEAN_JSON = json.dumps(
    {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "A topic",
        "Parameters": {"Name": {"Type": "String", "Default": "alarms"}},
        "Resources": {
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Metadata": {"com.aws.cloudformation.Context": {"why": "alarms go to people by mail"}},
                "Properties": {
                    "DisplayName": {"Ref": "Name"},
                    "KmsMasterKeyId": "alias/aws/sns",
                    "Tags": [{"Key": "Environment", "Value": "dev"}],
                },
            }
        },
    }
)

MISSPELT = CLEAN.replace("DisplayName", "DisplayNam")
