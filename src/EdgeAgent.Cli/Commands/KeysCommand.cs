using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Artifacts;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl keys new|trust</c>: the key that signs packages, and whom devices are told to believe.</summary>
internal static class KeysCommand
{
    public static Command Create(Terminal terminal) => new("keys", "Make the key that signs packages, and have a fleet trust it") { New(terminal), Trust(terminal) };

    private static Command New(Terminal terminal)
    {
        var path = new Option<string>("--out") { Description = "File of the private key; the public key goes beside it, as .pub", DefaultValueFactory = _ => "edge-signing.pem" };
        var command = new Command("new", "Make an ECDSA P-256 key pair") { path };
        command.SetAction(parsed =>
        {
            var document = Write(parsed.GetValue(path)!);
            terminal.Result(document, FleetDocumentsJson.Default.KeyDocument, console =>
            {
                console.WriteLine($"private key  {document.PrivateKey}  (keep it: it never leaves this machine)");
                console.WriteLine($"public key   {document.PublicKey}");
                console.WriteLine($"key id       {document.KeyId}");
            });
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Trust(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var key = new Option<string>("--key") { Description = "File of the public key", Required = true };
        var command = new Command("trust", "Have the devices that enrol from now on trust a public key") { key };
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var path = parsed.GetValue(key)!;
            var pem = ReadPem(path);
            string id;
            try
            {
                id = PackageVerifier.KeyId(pem);
            }
            catch (FormatException fault)
            {
                throw new CommandException($"{path}: {fault.Message}; give the .pub file that 'edgectl keys new' wrote", fault);
            }
            using var fleet = controller.Connect(parsed);
            await fleet.TrustAsync(pem, cancellation);
            terminal.Result(new KeyDocument(CliJson.Schema, id, "", path), FleetDocumentsJson.Default.KeyDocument, console => console.WriteLine($"trusted: {id}"));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Makes a key pair; neither file may exist.</summary>
    public static KeyDocument Write(string path)
    {
        var publicPath = path + ".pub";
        foreach (var existing in (string[])[path, publicPath])
            if (File.Exists(existing))
                throw new CommandException($"{existing} exists; choose another name with --out (packages signed with a lost key cannot be renewed)");
        using var signer = PackageSigner.Create();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var writer = new StreamWriter(path, options))
            writer.WriteLine(signer.ExportPrivateKeyPem());
        File.WriteAllText(publicPath, signer.PublicKeyPem + Environment.NewLine);
        return new KeyDocument(CliJson.Schema, signer.KeyId, path, publicPath);
    }

    public static PackageSigner ReadSigner(string path)
    {
        try
        {
            return PackageSigner.FromPem(ReadPem(path));
        }
        catch (FormatException fault)
        {
            throw new CommandException($"{path}: {fault.Message}", fault);
        }
    }

    private static string ReadPem(string path) => File.Exists(path)
        ? File.ReadAllText(path)
        : throw new CommandException($"{path}: no such key file; make a key with 'edgectl keys new'");
}
