"""VoIPline's integration API: the calls of users, queues and ring groups, and a call to a number.

What is known of it is https://help.voipline.net.au (API and webhooks), and what programs that use it send and read.
"""
