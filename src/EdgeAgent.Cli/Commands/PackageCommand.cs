using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl package sign|upload|list</c>: from students on disk to packages that devices accept.</summary>
internal static class PackageCommand
{
    public static Command Create(Terminal terminal) =>
        new("package", "Sign a family of students and bring it to a controller") { Sign(terminal), Upload(terminal), List(terminal) };

    private static Command Sign(Terminal terminal)
    {
        var family = new Argument<string>("FAMILY") { Description = "The --out folder of 'edgectl compress'" };
        var key = new Option<string>("--key") { Description = "File of the private key, from 'edgectl keys new'", Required = true };
        var target = new Option<string>("--out") { Description = "Folder for the packages", Required = true };
        var name = new Option<string?>("--name") { Description = "Name of the model in the fleet (default: the teacher's)" };
        var version = new Option<long>("--version-number") { Description = "Rises with every release (default: seconds since 1970)" };
        var days = new Option<int>("--expires-days") { Description = "Days until devices refuse to install it", DefaultValueFactory = _ => 365 }.Between(1, 36_500);
        var command = new Command("sign", "Make one signed package of every student") { family, key, target, name, version, days };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(name) is { } given && !DeviceId.TryParse(given, out _))
                throw new WrongUsageException($"--name '{given}' is not valid: use 1 to 64 of a-z, 0-9, '.', '_', '-'");
            var now = TimeProvider.System.GetUtcNow();
            using var signer = KeysCommand.ReadSigner(parsed.GetValue(key)!);
            var packages = FamilyPackages.Sign(
                parsed.GetValue(family)!, parsed.GetValue(target)!, signer, parsed.GetValue(name),
                parsed.GetResult(version) is null ? now.ToUnixTimeSeconds() : parsed.GetValue(version), now.AddDays(parsed.GetValue(days)));
            var document = new SignedDocument(CliJson.Schema, [.. packages.Select(FamilyPackages.Describe)]);
            terminal.Result(document, FleetDocumentsJson.Default.SignedDocument, console => Show(console, document.Packages));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Upload(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var folder = new Argument<string>("PACKAGES") { Description = "A package, or a folder of packages" };
        var command = new Command("upload", "Bring signed packages to a controller") { folder };
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var path = parsed.GetValue(folder)!;
            // Opening checks every byte; a broken package is found before the first one is sent.
            var packages = PackageDirectory.Find(path).Select(PackageDirectory.Open).ToList();
            if (packages.Count == 0)
                throw new CommandException($"{path}: holds no package; make some with 'edgectl package sign'");
            using var fleet = controller.Connect(parsed);
            var uploaded = new List<PackageSummary>();
            foreach (var package in packages)
                uploaded.Add(await fleet.UploadAsync(package, cancellation));
            Show(terminal, uploaded);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command List(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var command = new Command("list", "Show the packages that a controller has");
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var fleet = controller.Connect(parsed);
            Show(terminal, await fleet.PackagesAsync(cancellation));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Show(Terminal terminal, IReadOnlyList<PackageSummary> packages) => terminal.Result(
        new PackagesDocument(CliJson.Schema, packages),
        FleetDocumentsJson.Default.PackagesDocument,
        console =>
        {
            var table = new Table().Border(TableBorder.Simple).AddColumns("model", "version", "student", "profile", "accuracy", "predicted", "size", "expires", "digest");
            foreach (var p in packages)
                table.AddRow(
                    p.Model, Units.Text($"{p.Version}"), Markup.Escape(p.Student), Markup.Escape(p.Profile), Units.Percent(p.Accuracy),
                    p.PredictedUs is { } us ? Units.Microseconds(us) : "", Units.Bytes(p.Bytes), Units.Text($"{p.Expires:yyyy-MM-dd}"), p.Digest.ToString());
            console.Write(table);
        });

    private static void Show(IAnsiConsole console, IReadOnlyList<SignedPackage> packages)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("model", "version", "student", "profile", "size", "expires", "package");
        foreach (var p in packages)
            table.AddRow(
                p.Model, Units.Text($"{p.Version}"), Markup.Escape(p.Student), Markup.Escape(p.Profile),
                Units.Bytes(p.Bytes), Units.Text($"{p.Expires:yyyy-MM-dd}"), Markup.Escape(p.Path));
        console.Write(table);
    }
}
