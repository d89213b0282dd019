using NetBird.ControlPlane.Hosting;

return await ControlPlaneCommand.RunAsync(args);
