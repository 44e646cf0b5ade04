using EdgeAgent.Cli.CommandLine;

return await Edgectl.RunAsync(args, Console.Out, Console.Error);
