"""One module for each chat export; `training.corpus.chats.format_list` lists them in the order in which they are tried.

whatsapp             WhatsApp's .txt of Android and iPhone, and signal-export's
telegram             result.json of Telegram Desktop
slack                the JSON of a channel in Slack's export
discord              DiscordChatExporter's JSON and text
messenger_instagram  message_1.json of Messenger and Instagram
line                 the .txt of LINE
signal               the text of sigtop, from Signal Desktop
irc                  logs of IRC clients
chatgpt              conversations.json of ChatGPT
claude               conversations.json of Claude
instructions         JSON lines of instruction and output (Alpaca), or of prompt and completion
json_messages        JSON lines and lists of messages with a name or a role
named_lines          plain lines of `Name: text`
"""
