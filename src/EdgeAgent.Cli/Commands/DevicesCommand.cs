using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Devices;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl devices [list|token]</c>: the fleet's devices, and tokens that let new ones in.</summary>
internal static class DevicesCommand
{
    public static Command Create(Terminal terminal)
    {
        var command = new Command("devices", "List the devices of a fleet, or let new ones in") { List(terminal), Token(terminal) };
        return command;
    }

    private static Command List(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var command = new Command("list", "Show every device, what it is and what it runs");
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var fleet = controller.Connect(parsed);
            var document = new DevicesDocument(CliJson.Schema, await fleet.DevicesAsync(cancellation));
            terminal.Result(document, FleetDocumentsJson.Default.DevicesDocument, console => Show(console, document.Devices));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Token(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var minutes = new Option<int>("--minutes") { Description = "How long it counts", DefaultValueFactory = _ => 60 }.Between(1, 1_000_000);
        var uses = new Option<int>("--uses") { Description = "How many devices may enrol with it", DefaultValueFactory = _ => 1 }.Between(1, 1_000_000);
        var command = new Command("token", "Make a token with which devices enrol") { minutes, uses };
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var fleet = controller.Connect(parsed);
            var token = await fleet.NewEnrolmentTokenAsync(new EnrolmentTokenRequest(parsed.GetValue(minutes), parsed.GetValue(uses)), cancellation);
            var document = new TokenDocument(CliJson.Schema, token.Token, token.Expires, token.Uses);
            terminal.Result(document, FleetDocumentsJson.Default.TokenDocument, console => console.WriteLine(token.Token));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Show(IAnsiConsole console, IReadOnlyList<DeviceSummary> devices)
    {
        if (devices.Count == 0)
        {
            console.WriteLine("no devices; make a token with 'edgectl devices token' and start edge-agent with it");
            return;
        }
        var table = new Table().Border(TableBorder.Simple).AddColumns("device", "profile", "online", "kernels", "model", "student", "state", "reason");
        foreach (var device in devices)
        {
            var models = device.Reported?.Models.OrderBy(m => m.Key, StringComparer.Ordinal).ToList() ?? [];
            var profile = device.Emulated ? $"{device.Profile} (emulated)" : device.Profile;
            var online = device.Online ? "yes" : "no";
            if (models.Count == 0)
                table.AddRow(Escape(device.Device.Value, profile, online, device.Hardware.KernelSet, "", "", "", ""));
            foreach (var (name, model) in models)
                table.AddRow(Escape(device.Device.Value, profile, online, device.Hardware.KernelSet, name, model.Student ?? "", Words.Kebab(model.State), model.Reason ?? ""));
        }
        console.Write(table);
    }

    private static string[] Escape(params string[] cells) => [.. cells.Select(Markup.Escape)];
}
