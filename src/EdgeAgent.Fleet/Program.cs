using System.CommandLine;
using System.Text.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Hosting;

var data = Text("--data", "Directory of the database, the packages and the administrator's token.", "DIR");
var host = Text("--host", "Address that the REST API and the broker listen on; other than loopback needs TLS. Default: 127.0.0.1.", "ADDRESS");
var url = Text("--urls", "URL that the REST API listens on. Default: a free port of --host.", "URL");
var mqttPort = new Option<int>("--mqtt-port") { Description = "Port of the broker, 0 for a free one. Default: 0.", HelpName = "PORT", DefaultValueFactory = _ => int.TryParse(Variable("--mqtt-port"), out var port) ? port : 0 };
var advertise = Text("--advertise", "Host name of the broker as devices are told. Default: the name by which they reach the REST API.", "HOST");
var certificate = Text("--tls-certificate", "PEM file of the certificate for REST API and broker, with its intermediates.", "FILE");
var key = Text("--tls-key", "PEM file of the certificate's private key.", "FILE");
var profiles = Text("--profiles", "Directory of device profiles to load, such as firmware-profiles.", "DIR");
var topicRoot = Text("--topic-root", $"Root of all topics. Default: {TopicSchema.DefaultRoot}.", "TOPIC");
var json = new Option<bool>("--json") { Description = "Print one JSON line {url, mqttPort, adminTokenFile} when ready." };

var command = new RootCommand("The EdgeAgent fleet controller: broker, packages, rollouts and reports in one process.\nEvery option can be set as an environment variable, such as EDGE_FLEET_MQTT_PORT for --mqtt-port.")
{
    data, host, url, mqttPort, advertise, certificate, key, profiles, topicRoot, json,
};
command.SetAction(async (arguments, cancellation) =>
{
    var options = new FleetOptions
    {
        DataDirectory = arguments.GetValue(data) ?? FleetOptions.DefaultDataDirectory,
        Host = arguments.GetValue(host) ?? "127.0.0.1",
        Url = arguments.GetValue(url),
        MqttPort = arguments.GetValue(mqttPort),
        AdvertisedHost = arguments.GetValue(advertise),
        TlsCertificate = arguments.GetValue(certificate),
        TlsKey = arguments.GetValue(key),
        ProfilesDirectory = arguments.GetValue(profiles),
        TopicRoot = arguments.GetValue(topicRoot) ?? TopicSchema.DefaultRoot,
    };
    try
    {
        await using var fleet = await FleetHost.StartAsync(
            options,
            TimeProvider.System,
            // Standard output is for what scripts read.
            logging => logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace),
            cancellation);
        Announce(fleet, arguments.GetValue(json));
        await fleet.WaitForShutdownAsync();
        return 0;
    }
    catch (FleetStartException e)
    {
        await Console.Error.WriteLineAsync($"edge-fleet: {e.Message}");
        return 1;
    }
});

var parsed = command.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
        await Console.Error.WriteLineAsync($"edge-fleet: {error.Message}");
    await Console.Error.WriteLineAsync("edge-fleet: 'edge-fleet --help' lists the options");
    return 2;
}
// Signals are the host's: it ends connections before the process.
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static Option<string?> Text(string name, string description, string helpName) =>
    new(name) { Description = description, HelpName = helpName, DefaultValueFactory = _ => Variable(name) };

static string? Variable(string option) =>
    Environment.GetEnvironmentVariable("EDGE_FLEET_" + option[2..].Replace('-', '_').ToUpperInvariant()) is { Length: > 0 } value ? value : null;

static void Announce(FleetHost fleet, bool asJson)
{
    if (asJson)
    {
        using var line = new MemoryStream();
        using (var writer = new Utf8JsonWriter(line))
        {
            writer.WriteStartObject();
            writer.WriteString("url", fleet.Url);
            writer.WriteNumber("mqttPort", fleet.MqttPort);
            writer.WriteString("adminTokenFile", fleet.AdminTokenFile);
            writer.WriteEndObject();
        }
        Console.WriteLine(System.Text.Encoding.UTF8.GetString(line.ToArray()));
        return;
    }
    Console.WriteLine($"REST API:            {fleet.Url}  (description at /openapi/v1.json)");
    Console.WriteLine($"Broker:              {(fleet.MqttIsTls ? "mqtts" : "mqtt")}://{new Uri(fleet.Url).Host}:{fleet.MqttPort}");
    Console.WriteLine($"Administrator token: {fleet.AdminTokenFile}");
}
